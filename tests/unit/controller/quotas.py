"""A quota with a store behind it, jobs of every kind in front of it, and whom it has woken."""

import random
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import SecretStr

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.quota.quota import Admission, Quota
from gemini_operator.controller.quota.usage import QuotaUsage
from gemini_operator.controller.store import Store
from gemini_operator.controller.workqueue import Wakes
from gemini_operator.gemini.api_key import fingerprint
from tests.unit.controller.builders import NOW, a_job, an_attempt, time
from tests.unit.controller.clocks import ManualClock

GROUP = "group-1"


def a_quota(
    clock: Clock, queue: Wakes, *, limit: int = 100, usage: QuotaUsage | None = None
) -> Quota:
    usage = QuotaUsage() if usage is None else usage
    return Quota(clock, usage, queue, limit=limit, rng=random.Random(0))


def named(group: str, uid: str) -> str:
    """What the status of the job `uid` says of the key of `group`."""
    return fingerprint(SecretStr(group), uid)


class Woken:
    """A queue that only remembers; of several alarms of a key the first counts, as in the real one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.now: list[Key] = []
        self.alarms: dict[Key, float] = {}

    def add(self, key: Key) -> None:
        self.alarms.pop(key, None)
        if key not in self.now:
            self.now.append(key)

    def add_after(self, key: Key, seconds: float) -> None:
        due = self._clock.monotonic() + seconds
        self.alarms[key] = min(due, self.alarms.get(key, due))

    def take(self) -> list[Key]:
        """Everybody who has been woken until now, once."""
        due = [key for key, at in self.alarms.items() if at <= self._clock.monotonic()]
        for key in due:
            self.add(key)
        woken, self.now = self.now, []
        return woken


class Harness:
    """The quota, and the store that reports to it which jobs use a slot."""

    def __init__(self, limit: int = 2, *, seed: int = 0, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.queue = Woken(self.clock)
        self.usage = QuotaUsage()
        self.store = Store(self.usage.changed)
        self.quota = Quota(self.clock, self.usage, self.queue, limit=limit, rng=random.Random(seed))
        self.asked: dict[Key, str] = {}
        self._version = 100

    def put(
        self, name: str, age: int = 0, status: Any = None, *, group: str = GROUP, **spec: Any
    ) -> Key:
        """
        A job `namespace/name` that came `age` seconds after the first; a new version if known.

        What is open was created with the key of `group`.
        """
        namespace, name = name.rpartition("/")[::2]
        namespace = namespace or "team-a"
        self._version += 1
        if status and "attempt" in status:
            recorded = named(group, f"uid-of-{namespace}-{name}")
            status = {**status, "attempt": {**status["attempt"], "apiKeyFingerprint": recorded}}
        job = a_job(
            spec=spec,
            status=status,
            namespace=namespace,
            name=name,
            uid=f"uid-of-{namespace}-{name}",
            resourceVersion=str(self._version),
            creationTimestamp=time(NOW + timedelta(seconds=age)),
        )
        self.store.put(job)
        return job.key

    def job(self, key: Key) -> Job:
        job = self.store.get(key)
        assert job is not None
        return job

    def reserve(self, key: Key, group: str = GROUP) -> Admission:
        self.asked[key] = group
        return self.quota.reserve(self.job(key), group, partial(named, group))

    def bind_key(self, key: Key, group: str) -> None:
        """The Secret of this job holds the key of `group` now."""
        self.quota.bind_key(self.job(key).api_key, group, partial(named, group))

    def admits(self, *keys: Key, group: str = GROUP) -> list[Key]:
        """Who of them is told to go, asking in this order."""
        return [key for key in keys if self.reserve(key, group) is Admission.ADMITTED]

    def throttled(self, key: Key, retry_after: float | None = None, group: str = GROUP) -> float:
        return self.quota.throttled(group, self.job(key), retry_after)

    def passed(self, key: Key, group: str = GROUP) -> None:
        self.quota.passed(group, self.job(key))

    def meets_429(self, key: Key, retry_after: float | None = None, group: str = GROUP) -> float:
        """A whole reconcile of a job that is admitted and throttled; returns the seconds it has to wait."""
        assert self.reserve(key, group) is Admission.ADMITTED
        self.write_ahead(key)
        delay = self.throttled(key, retry_after, group)
        self.clear(key)
        return delay

    def write(self, key: Key, **status: Any) -> None:
        """Another version of the job, with this status."""
        known = self.job(key)
        age = int((known.created - NOW).total_seconds())
        spec = known.spec.model_dump(by_alias=True, exclude_none=True, mode="json")
        self.put("/".join(key), age, status, group=self.asked.get(key, GROUP), **spec)

    def write_ahead(self, key: Key) -> None:
        self.write(key, state="Submitting", attempt=an_attempt())

    def clear(self, key: Key) -> None:
        """The attempt has come to nothing."""
        self.write(key, state="Queued")

    def end(self, key: Key) -> None:
        self.write(key, state="Succeeded", attempt=an_attempt(), completionTime=time())

    def send(self, key: Key, group: str = GROUP) -> bool:
        """A whole reconcile of a job whose create succeeds; returns whether it was sent."""
        if self.reserve(key, group) is not Admission.ADMITTED:
            return False
        self.write_ahead(key)
        self.passed(key, group)
        return True
