"""Secrets with an API key that Google rejected: read again soon, so that a corrected one is used.

The cache of API keys would show a corrected Secret up to a minute later, and the operator may not
watch Secrets. So a Secret is read again after an eighth of the time for which its jobs wait.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import pauses
from gemini_operator.controller.remote.api_keys import ApiKeys
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.kube.errors import KubeError

ABOUT_THE_KEY = frozenset(
    {Reason.CREDENTIALS_REJECTED, Reason.DELETION_BLOCKED, Reason.KEY_CHANGED}
)
"""Reasons of `Stalled` that another API key in the Secret may end."""

SOONEST, LATEST = 2.0, 15.0
"""Seconds until a Secret is read again."""

TICK = 1.0
"""Seconds between two looks at which Secrets are due."""

PER_NAMESPACE = 10
"""Secrets of a namespace that are read at one tick, so that a thousand of them delay no other's."""

log = get_logger(__name__)


@dataclass
class _Look:
    since: float
    due: float


class RejectedKeys:
    """Reads Secrets again whose API key Google rejected, while jobs wait for a better one.

    Args:
        api_keys: reads the Secrets.
        store: all jobs.
        sweeper: lists the batches of a corrected key, as a rejected one has shown no ends.
        clock: tells when a Secret is due.
        wake: requeues a job.
    """

    def __init__(
        self,
        api_keys: ApiKeys,
        store: Store,
        sweeper: Sweeper,
        clock: Clock,
        *,
        wake: Callable[[Key], None],
    ) -> None:
        self._api_keys = api_keys
        self._store = store
        self._sweeper = sweeper
        self._clock = clock
        self._wake = wake
        self._looks: dict[KeyRef, _Look] = {}
        self._any = asyncio.Event()

    def note(self, job: Job) -> None:
        """Read the job's Secret again soon, if the job waits for another API key in it."""
        if _waits(job) and job.api_key not in self._looks:
            now = self._clock.monotonic()
            self._looks[job.api_key] = _Look(now, now + SOONEST)
            self._any.set()

    async def run(self) -> None:
        """Read the Secrets that are due, until cancelled. Costs nothing while there are none."""
        while True:
            await self._any.wait()
            await asyncio.sleep(TICK)
            await self.look()

    async def look(self) -> None:
        """Read the Secrets that are due, and wake the jobs of those with another key."""
        waiting = self._waiting()
        # Those whose jobs are gone or go on again are left alone.
        self._looks = {ref: look for ref, look in self._looks.items() if ref in waiting}
        for ref in self._due():
            await self._look(ref, waiting[ref])
        if not self._looks:
            self._any.clear()

    def _waiting(self) -> dict[KeyRef, list[Job]]:
        found: dict[KeyRef, list[Job]] = defaultdict(list)
        for job in self._store:
            if job.api_key in self._looks and _waits(job):
                found[job.api_key].append(job)
        return found

    def _due(self) -> list[KeyRef]:
        now = self._clock.monotonic()
        due = sorted((look.due, ref) for ref, look in self._looks.items() if look.due <= now)
        taken: Counter[str] = Counter()
        chosen = []
        for _, ref in due:
            taken[ref.namespace] += 1
            if taken[ref.namespace] <= PER_NAMESPACE:
                chosen.append(ref)
        return chosen

    async def _look(self, ref: KeyRef, jobs: Iterable[Job]) -> None:
        try:
            corrected = await self._api_keys.corrected(ref)
        except KubeError as error:
            # The other Secrets must be read, and this one is due again.
            log.debug("a Secret could not be read again", error=str(error))
            corrected = None
        now, look = self._clock.monotonic(), self._looks[ref]
        if corrected is None:
            look.due = now + pauses.growing(
                now - look.since, part=8, soonest=SOONEST, latest=LATEST
            )
            return
        log.info("a Secret has another API key", namespace=ref.namespace, secret=ref.secret)
        # The next rejection, of the new key, counts from then on.
        del self._looks[ref]
        for job in jobs:
            if job.status.attempt is not None:
                self._sweeper.search(corrected, job.key)
            self._wake(job.key)


def _waits(job: Job) -> bool:
    """Return whether another API key may help the job."""
    said = find(job.status.conditions, STALLED)
    return said is not None and said.reason in ABOUT_THE_KEY
