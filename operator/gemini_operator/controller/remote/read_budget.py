"""Limits how often batches are read: a token bucket for each API key and one for each job (S10).

Each event asks for a read, and anybody who knows a job's callback address can make Google send
events to it. A read beyond the budget is delayed, never dropped (P18).
"""

import math
from typing import NamedTuple

from gemini_operator.base.clock import Clock
from gemini_operator.base.token_bucket import TokenBucket
from gemini_operator.controller.job import Key
from gemini_operator.controller.remote.read_rate import ReadRate
from gemini_operator.controller.remote.read_turns import ReadTurns
from gemini_operator.controller.workqueue import Timers


class Rate(NamedTuple):
    """The size of a job's token bucket, in reads, and its refill per second."""

    burst: float
    per_second: float


# A job needs four reads for an event and its rereads.
PER_JOB = Rate(burst=8.0, per_second=0.2)


class Delayed(Exception):
    """The read has to wait for `seconds`; it was not counted.

    Infinity means that the job has a reservation and is requeued when its turn comes.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        super().__init__("reads with this API key or of this job are limited")
        self.seconds = seconds


class ReadBudget:
    """The budgets of all API keys and jobs.

    Args:
        clock: refills the buckets.
        queue: requeues jobs whose turn has come.
        per_key: the most reads per second with each API key.
        per_job: the rate of each job.
    """

    def __init__(
        self, clock: Clock, queue: Timers, *, per_key: float, per_job: Rate = PER_JOB
    ) -> None:
        self._clock = clock
        self._queue = queue
        self._per_key = per_key
        self._per_job = per_job
        self._keys: dict[str, ReadTurns] = {}
        self._jobs: dict[Key, TokenBucket] = {}
        # At most one reservation for each job, with the id of its API key.
        self._reserved: dict[Key, str] = {}
        self._asked: set[Key] = set()

    def reserve(self, key_id: str, job: Key) -> None:
        """Return if the job may read now with the key `key_id`; `use` then counts the read.

        The job keeps its turn until it reads, or until a reconcile of it ends without asking.

        Raises:
            Delayed: it may not, and is requeued when it may.
        """
        self._asked.add(job)
        if self._reserved.get(job) != key_id:
            self._drop(job)
            # Checked before it stands in the key's line: a job without a token of its own must
            # not keep others waiting.
            wait = self._bucket_of(job).wait()
            if wait > 0:
                raise Delayed(wait)
            self._reserved[job] = key_id
        if not self._turns_of(key_id).reserve(job):
            raise Delayed

    def use(self, job: Key) -> None:
        """Count a read of a job whose turn has come."""
        self._turns_of(self._reserved.pop(job)).use(job)
        self._bucket_of(job).take()

    def succeeded(self, key_id: str) -> None:
        """Note that Google answered a read with this key."""
        self._turns_of(key_id).rate.succeeded()

    def throttled(self, key_id: str, retry_after: float | None) -> None:
        """Note that Google answered a read with this key with 429."""
        self._turns_of(key_id).rate.throttled(retry_after)

    def leave(self, job: Key) -> None:
        """End a reconcile of the job: a turn for which it did not ask goes to the next job."""
        if job in self._asked:
            self._asked.discard(job)
        else:
            self._drop(job)

    def forget(self, job: Key) -> None:
        """Drop the bucket and the reservation of a job that is gone."""
        self._drop(job)
        self._jobs.pop(job, None)

    def _drop(self, job: Key) -> None:
        key_id = self._reserved.pop(job, None)
        if key_id is not None:
            self._turns_of(key_id).drop(job)

    def _bucket_of(self, job: Key) -> TokenBucket:
        if job not in self._jobs:
            self._jobs[job] = TokenBucket(*self._per_job, self._clock.monotonic)
        return self._jobs[job]

    def _turns_of(self, key_id: str) -> ReadTurns:
        if key_id not in self._keys:
            # An idle key is like a new one. Without this every key ever used would be kept.
            self._keys = {known: turns for known, turns in self._keys.items() if not turns.idle}
            rate = ReadRate(self._per_key, self._clock.monotonic)
            self._keys[key_id] = ReadTurns(rate, self._queue)
        return self._keys[key_id]
