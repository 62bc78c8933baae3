"""Who may send a create now: a limit on open batches for each API key, and back-off after a 429.

A waiting job has no timer and costs nothing. When a slot is free for it, the quota reserves the
slot and asks for a reconcile. The slot stays reserved until the job's write-ahead shows it in the
status, or until the job gives it up (rule P23).
"""

import random
from collections.abc import Iterable
from enum import Enum, auto

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.quota.backoff import Backoff
from gemini_operator.controller.quota.keys import ApiKeyQuota, ApiKeyQuotas, Fingerprint
from gemini_operator.controller.quota.throttle import Throttle
from gemini_operator.controller.quota.usage import OpenBatch, QuotaUsage
from gemini_operator.controller.quota.waiters import UNSENT, Waiter, Waiters, WaiterState
from gemini_operator.controller.workqueue import Wakes
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Admission(Enum):
    """The quota's answer to a job that wants to submit."""

    ADMITTED = auto()
    QUOTA_FULL = auto()
    THROTTLED = auto()
    REFUSED = auto()


class Quota:
    """Usage, waiters and throttles of every API key.

    Nothing in it awaits, so no other reconcile runs in between.

    Args:
        clock: times the back-off.
        usage: the jobs that use quota, read from their statuses.
        queue: wakes jobs.
        limit: open batches for each key.
        rng: jitter.
    """

    def __init__(
        self,
        clock: Clock,
        usage: QuotaUsage,
        queue: Wakes,
        *,
        limit: int,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._usage = usage
        self._queue = queue
        self._limit = limit
        self._backoff = Backoff(rng)
        self._keys = ApiKeyQuotas()
        self._waiters = Waiters()
        usage.notify(self)

    @property
    def waiting(self) -> int:
        """Jobs that wait without a reserved slot."""
        return sum(one.state is WaiterState.PENDING for one in self._waiters)

    # Called by reconciles

    def reserve(self, job: Job, key_id: str, fingerprint: Fingerprint | None = None) -> Admission:
        """Reserve a slot for `job`, whose API key is `key_id`, or let it wait from now on."""
        ref = job.api_key
        self.bind_key(ref, key_id, fingerprint)
        known = self._known(ref)
        asking = self._enter(job, known)
        if asking.has_slot and known.total > self._limit:
            # An adopted batch has taken the last slot since this one was reserved.
            asking.give_up_probes()
            asking.become(WaiterState.PENDING)
        if not asking.has_slot:
            self._advance(known, asking=job.key)
        if asking.has_slot:
            asking.become(WaiterState.SUBMITTING)
            return Admission.ADMITTED
        throttles = known.throttles_of(asking.model)
        for throttle in throttles:
            self._alarm(known, throttle, asking=job.key)
        if known.refusal is not None:
            return Admission.REFUSED
        return Admission.THROTTLED if throttles else Admission.QUOTA_FULL

    def release(self, key: Key) -> None:
        """Drop the job's slot or its place in the queue, and let the next job go."""
        one = self._waiters.pop(key)
        if one is None:
            return
        key_quota = one.key_quota
        one.move(key_quota)
        for throttle in key_quota.throttles_of(one.model):
            self._alarm(key_quota, throttle)
        self._advance(key_quota)
        key_quota.drop_idle(self._clock.monotonic())
        self._forget(one.ref)

    def throttled(self, key_id: str, job: Job, retry_after: float | None) -> float:
        """Google answered 429 to `job`: block its model; returns the seconds until the next try."""
        known = self._keys.get(key_id)
        if known is None:
            # Nobody uses this key any more.
            return self._backoff.seconds(1, retry_after)
        self._accept(known)
        throttle = self._throttle(known, normalise_model(job.spec.model))
        return self._block(known, throttle, job, retry_after)

    def refused(self, key_id: str, job: Job) -> None:
        """Google refused the API key: block all of its jobs, then let one try alone."""
        known = self._keys.get(key_id)
        if known is None:
            self.release(job.key)
            return
        self._block(known, self._refusal(known), job, None)

    def passed(self, key_id: str, job: Job) -> None:
        """A create was neither throttled nor refused for its key: unblock its model and its key."""
        known = self._keys.get(key_id)
        if known is not None:
            self._accept(known)
            known.reopen(normalise_model(job.spec.model))
        self.release(job.key)
        if known is not None:
            self._advance(known)

    # Called when Secrets and restarts are read

    def bind_key(self, ref: KeyRef, key_id: str, fingerprint: Fingerprint | None = None) -> None:
        """The Secret `ref` holds the API key `key_id` now; its waiting jobs move to that key."""
        old = self._keys.of(ref)
        if old is not None and old.key_id == key_id:
            return
        new = self._keys.bind(ref, key_id, fingerprint)
        for one in self._waiters.of(ref):
            # A create that is under way is sent with the old key.
            if one.state in UNSENT:
                one.move(new)
                one.become(WaiterState.PENDING)
        self._refresh(new)
        if old is not None:
            self._refresh(old)

    def restore(self, jobs: Iterable[Job]) -> None:
        """After a restart, before any reconcile: queue these jobs as if they had asked."""
        for job in jobs:
            key_quota = self._keys.of(job.api_key)
            if key_quota is None:
                continue
            said = find(job.status.conditions, SUBMITTED)
            if said is not None and said.reason == Reason.QUOTA_EXCEEDED:
                self._throttle(key_quota, normalise_model(job.spec.model))
            self._enter(job, key_quota)
        for key_quota in self._keys:
            self._refresh(key_quota)

    def resync(self) -> None:
        """Ask again for the reconcile of each reserved slot; the second time give the slot to the next."""
        for one in [one for one in self._waiters if one.state is WaiterState.RESERVED]:
            if one.late:
                log.warning("a job does not use its reserved slot", **one.key._asdict())
                self.release(one.key)
            else:
                one.late = True
                self._queue.add(one.key)
        for ref in self._keys.refs:
            self._forget(ref)
        for key_quota in self._keys:
            self._refresh(key_quota)
            self._keys.drop_idle(key_quota)

    # Called by the usage

    def used(self, batch: OpenBatch) -> None:
        """A job's write-ahead is in its status: its reserved slot is in use."""
        self._keys.add(batch)
        one = self._waiters.get(batch.key)
        if one is not None:
            one.become(WaiterState.SUBMITTED)

    def freed(self, batch: OpenBatch) -> None:
        """A job or its attempt has ended: its slot is for the next job."""
        key_quota = self._keys.discard(batch)
        if key_quota is not None:
            self._advance(key_quota)
            self._keys.drop_idle(key_quota)
        self._forget(batch.ref)

    # Inside

    def _known(self, ref: KeyRef) -> ApiKeyQuota:
        key_quota = self._keys.of(ref)
        if key_quota is None:
            raise AssertionError("a job asks for quota of an API key that nobody has bound")
        return key_quota

    def _enter(self, job: Job, key_quota: ApiKeyQuota) -> Waiter:
        one = self._waiters.enter(job, job.api_key, key_quota)
        if one.key_quota is not key_quota:
            # It was submitting with the key before.
            old = one.key_quota
            one.move(key_quota)
            self._refresh(old)
        if one.state in (WaiterState.IDLE, WaiterState.SUBMITTED):
            one.become(WaiterState.PENDING)
        return one

    def _throttle(self, key_quota: ApiKeyQuota, model: str) -> Throttle:
        """The throttle of a model; from the first 429 on, all jobs of that model wait in it."""
        if model not in key_quota.throttles:
            with self._waiters.requeueing(key_quota, model):
                key_quota.throttles[model] = Throttle()
        return key_quota.throttles[model]

    def _refusal(self, key_quota: ApiKeyQuota) -> Throttle:
        """The throttle of a refused API key, in which all of its jobs wait."""
        if key_quota.refusal is None:
            with self._waiters.requeueing(key_quota):
                key_quota.refusal = Throttle(tries=1)
        return key_quota.refusal

    def _accept(self, key_quota: ApiKeyQuota) -> None:
        """Google accepts the key: its jobs wait as they did before it was refused."""
        if key_quota.refusal is not None:
            with self._waiters.requeueing(key_quota):
                key_quota.refusal = None

    def _block(
        self, key_quota: ApiKeyQuota, throttle: Throttle, job: Job, at_least: float | None
    ) -> float:
        """Google refused the create of `job`, which waits again; returns the seconds until the next try."""
        now = self._clock.monotonic()
        self._take_back_probe(throttle)
        throttle.block(now, self._backoff, at_least)
        one = self._waiters.get(job.key)
        if one is not None:
            one.move(self._known(one.ref))
            one.become(WaiterState.PENDING)
            if one.key_quota is key_quota:
                throttle.record_failure(one.position)
            else:
                self._advance(one.key_quota)
        self._alarm(key_quota, throttle)
        self._advance(key_quota)
        return throttle.blocked_until - now

    def _take_back_probe(self, throttle: Throttle) -> None:
        """Take back the probe's slot after a late failure, unless the probe is submitting already."""
        probe = self._waiters.get(throttle.probe)
        if probe is not None and probe.state is WaiterState.RESERVED:
            probe.become(WaiterState.PENDING)

    def _advance(self, key_quota: ApiKeyQuota, asking: Key | None = None) -> None:
        """Reserve slots for the next jobs while there are any; `asking` needs no further reconcile."""
        now = self._clock.monotonic()
        while key_quota.total < self._limit and (key := key_quota.best(now)) is not None:
            if self._keys.match_unknown():
                continue
            next_one = self._waiters[key]
            next_one.become(WaiterState.RESERVED)
            for throttle in key_quota.throttles_of(next_one.model):
                throttle.probe = key
            if key != asking:
                self._queue.add(key)

    def _alarm(self, key_quota: ApiKeyQuota, throttle: Throttle, asking: Key | None = None) -> None:
        """Wake the first waiter of a blocked throttle when its time is over, once."""
        now = self._clock.monotonic()
        if throttle.blocked_until <= now:
            return
        head = key_quota.head(throttle)
        if head is not None and (head != throttle.alarmed or head == asking):
            throttle.alarmed = head
            self._queue.add_after(head, throttle.blocked_until - now)

    def _refresh(self, key_quota: ApiKeyQuota) -> None:
        key_quota.drop_idle(self._clock.monotonic())
        for throttle in (*key_quota.throttles.values(), key_quota.refusal):
            if throttle is not None:
                self._alarm(key_quota, throttle)
        self._advance(key_quota)

    def _forget(self, ref: KeyRef) -> None:
        if not self._waiters.of(ref) and not self._usage.count(ref):
            self._keys.forget(ref)
