"""Which job may send a create now: a limit on open batches for each API key, and throttles.

A waiting job has no timer. When a slot is free for it, the quota reserves the slot and requeues the
job. The slot stays reserved until the write-ahead shows it in the job's status, or until the job
releases it (P23).
"""

import random
from collections.abc import Iterable
from enum import Enum, auto

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.base.backoff import Backoff
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.quota.keys import ApiKeyQuota, ApiKeyQuotas, Fingerprint
from gemini_operator.controller.quota.slots import Slots
from gemini_operator.controller.quota.throttle import BASE, CAP, Throttle
from gemini_operator.controller.quota.usage import OpenBatch, QuotaUsage
from gemini_operator.controller.quota.waiters import UNSENT, Waiter, Waiters, WaiterState
from gemini_operator.controller.workqueue import Wakes

log = get_logger(__name__)


class Admission(Enum):
    """The quota's answer to a job that wants to submit."""

    ADMITTED = auto()
    QUOTA_FULL = auto()
    THROTTLED = auto()
    REFUSED = auto()


class Quota:
    """Usage, waiters and throttles of all API keys.

    No method awaits, so no other reconcile runs in between.

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
        self._backoff = Backoff(BASE, CAP, rng)
        self._keys = ApiKeyQuotas()
        self._waiters = Waiters()
        self._slots = Slots(clock, queue, self._keys, self._waiters, limit)
        usage.notify(self)

    @property
    def waiting(self) -> int:
        """The number of jobs that wait without a reserved slot."""
        return sum(one.state is WaiterState.PENDING for one in self._waiters)

    # Called by reconciles

    def reserve(self, job: Job, key_id: str, fingerprint: Fingerprint | None = None) -> Admission:
        """Reserve a slot for `job`, or queue it.

        Args:
            job: wants to submit.
            key_id: its API key.
            fingerprint: as for `bind_key`.
        """
        ref = job.api_key
        self.bind_key(ref, key_id, fingerprint)
        known = self._known(ref)
        asking = self._enter(job, known)
        if asking.has_slot and known.total > self._limit:
            # An adopted batch has taken the last slot since this one was reserved.
            asking.give_up_probes()
            asking.become(WaiterState.PENDING)
        # A free slot goes to the first job in order, which need not be this one.
        if not asking.has_slot:
            self._slots.advance(known, asking=job.key)
        if asking.has_slot:
            asking.become(WaiterState.SUBMITTING)
            return Admission.ADMITTED
        throttles = known.throttles_of(asking.model)
        for throttle in throttles:
            self._slots.alarm(known, throttle, asking=job.key)
        if known.refusal is not None:
            return Admission.REFUSED
        return Admission.THROTTLED if throttles else Admission.QUOTA_FULL

    def release(self, key: Key) -> None:
        """Release the job's reserved slot, or remove it from its queue, and admit the next job.

        Does nothing for a job that does not wait. A slot that an open batch uses is not released.
        """
        one = self._waiters.pop(key)
        if one is None:
            return
        key_quota = one.key_quota
        one.move(key_quota)
        for throttle in key_quota.throttles_of(one.model):
            self._slots.alarm(key_quota, throttle)
        self._slots.advance(key_quota)
        key_quota.drop_idle(self._clock.monotonic())
        self._forget(one.ref)

    def throttled(self, key_id: str, job: Job, retry_after: float | None) -> float:
        """Block the model of `job`, whose create Google answered with 429.

        Args:
            key_id: the API key that the create was sent with.
            job: was throttled.
            retry_after: seconds that Google asked to wait.

        Returns:
            Seconds until the next try.
        """
        known = self._keys.get(key_id)
        if known is None:
            # The Secret was changed since, and no other one holds this key.
            return self._backoff.seconds(1, retry_after)
        # Google throttles only a key that it accepts.
        self._waiters.end_refusal(known)
        throttle = self._waiters.throttle(known, normalise_model(job.spec.model))
        return self._block(known, throttle, job, retry_after)

    def refused(self, key_id: str, job: Job) -> None:
        """Block all jobs of an API key that Google refused; later one of them probes."""
        known = self._keys.get(key_id)
        if known is None:
            self.release(job.key)
            return
        self._block(known, self._waiters.refusal(known), job, None)

    def passed(self, key_id: str, job: Job) -> None:
        """Unblock a model and its key: a create was neither throttled nor refused for its key."""
        known = self._keys.get(key_id)
        if known is not None:
            self._waiters.end_refusal(known)
            known.reopen(normalise_model(job.spec.model))
        self.release(job.key)
        if known is not None:
            self._slots.advance(known)

    # Called when Secrets and restarts are read

    def bind_key(self, ref: KeyRef, key_id: str, fingerprint: Fingerprint | None = None) -> None:
        """Record that the Secret `ref` holds an API key; its waiting jobs move to that key.

        Args:
            ref: the Secret.
            key_id: identifies the key, in this process only.
            fingerprint: returns the key's fingerprint for a job's uid.
        """
        old = self._keys.of(ref)
        if old is not None and old.key_id == key_id:
            return
        new = self._keys.bind(ref, key_id, fingerprint)
        for one in self._waiters.of(ref):
            # A create that is under way is sent with the old key.
            if one.state in UNSENT:
                one.move(new)
                one.become(WaiterState.PENDING)
        # Reserve slots at both: the new key has new jobs, and the old one may have lost its first.
        self._slots.refresh(new)
        if old is not None:
            self._slots.refresh(old)

    def restore(self, jobs: Iterable[Job]) -> None:
        """Queue jobs after a restart, before any reconcile, as if each had called `reserve`."""
        for job in jobs:
            key_quota = self._keys.of(job.api_key)
            if key_quota is None:
                continue
            # The model was throttled before the restart: its first job has to probe again.
            said, file = find(job.status.conditions, SUBMITTED), job.status.input_file
            uploads = file is not None and file.sha256 is None
            if said is not None and said.reason == Reason.QUOTA_EXCEEDED and not uploads:
                self._waiters.throttle(key_quota, normalise_model(job.spec.model))
            self._enter(job, key_quota)
        for key_quota in self._keys:
            self._slots.refresh(key_quota)

    def resync(self) -> None:
        """Requeue jobs that have not used their reserved slot; the second time, release the slot.

        A slot whose job does not come would otherwise be lost until a restart.
        """
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
            self._slots.refresh(key_quota)
            self._keys.drop_idle(key_quota)

    # Called by the usage

    def used(self, batch: OpenBatch) -> None:
        """Count an open batch; a reserved slot of its job is in use from now on."""
        # Count the batch before its reservation ends, so that the slot is never free in between.
        self._keys.add(batch)
        one = self._waiters.get(batch.key)
        if one is not None:
            one.become(WaiterState.SUBMITTED)

    def freed(self, batch: OpenBatch) -> None:
        """Give the slot of a batch that is no longer open to the next job."""
        key_quota = self._keys.discard(batch)
        if key_quota is not None:
            self._slots.advance(key_quota)
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
            # It was submitting with another key, which the Secret held before.
            old = one.key_quota
            one.move(key_quota)
            self._slots.refresh(old)
        if one.state in (WaiterState.IDLE, WaiterState.SUBMITTED):
            one.become(WaiterState.PENDING)
        return one

    def _block(
        self, key_quota: ApiKeyQuota, throttle: Throttle, job: Job, at_least: float | None
    ) -> float:
        """Block a throttle after a failed create of `job`, which waits again.

        Returns:
            Seconds until the next try.
        """
        now = self._clock.monotonic()
        self._take_back_probe(throttle)
        throttle.block(now, self._backoff, at_least)
        one = self._waiters.get(job.key)
        if one is not None:
            one.move(self._known(one.ref))
            one.become(WaiterState.PENDING)
            # If its Secret holds another key by now, the failure says nothing about that key.
            if one.key_quota is key_quota:
                throttle.record_failure(one.position)
            else:
                self._slots.advance(one.key_quota)
        self._slots.alarm(key_quota, throttle)
        self._slots.advance(key_quota)
        return throttle.blocked_until - now

    def _take_back_probe(self, throttle: Throttle) -> None:
        """Take back the probe's slot: another create failed late, and the throttle blocks again.

        A probe that is submitting already cannot be stopped.
        """
        probe = self._waiters.get(throttle.probe)
        if probe is not None and probe.state is WaiterState.RESERVED:
            probe.become(WaiterState.PENDING)

    def _forget(self, ref: KeyRef) -> None:
        if not self._waiters.of(ref) and not self._usage.count(ref):
            self._keys.forget(ref)
