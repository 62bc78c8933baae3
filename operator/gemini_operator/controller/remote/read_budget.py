"""Limits how often batches are read: a token bucket for each API key and one for each job (S10).

Each event asks for a read, and anybody who knows a job's callback address can make Google send
events to it. A read beyond the budget is delayed, never dropped (P18).
"""

from typing import NamedTuple

from gemini_operator.base.clock import Clock
from gemini_operator.base.token_bucket import TokenBucket
from gemini_operator.controller.job import Key


class Rate(NamedTuple):
    """The size of a token bucket, in reads, and its refill per second."""

    burst: float
    per_second: float


# A job needs four reads for an event and its rereads. A key serves many jobs that end together.
PER_KEY = Rate(burst=50.0, per_second=10.0)
PER_JOB = Rate(burst=8.0, per_second=0.2)


class Delayed(Exception):
    """The read has to wait for `seconds`; it was not counted."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"reads with this API key or of this job are limited: wait {seconds:.1f} s"
        )
        self.seconds = seconds


class ReadBudget:
    """The buckets of all API keys and jobs."""

    def __init__(self, clock: Clock, per_key: Rate = PER_KEY, per_job: Rate = PER_JOB) -> None:
        self._clock = clock
        self._per_key = per_key
        self._per_job = per_job
        self._keys: dict[str, TokenBucket] = {}
        self._jobs: dict[Key, TokenBucket] = {}

    def take(self, key_id: str, job: Key) -> None:
        """Take one read of `job` with the key `key_id` from both buckets.

        Raises:
            Delayed: one of them is empty; nothing was taken.
        """
        if key_id not in self._keys:
            self._keys[key_id] = TokenBucket(*self._per_key, self._clock.monotonic)
        if job not in self._jobs:
            self._jobs[job] = TokenBucket(*self._per_job, self._clock.monotonic)
        buckets = self._keys[key_id], self._jobs[job]
        wait = max(bucket.wait() for bucket in buckets)
        if wait > 0:
            raise Delayed(wait)
        for bucket in buckets:
            bucket.take()

    def forget(self, job: Key) -> None:
        """Drop the bucket of a job that is gone."""
        self._jobs.pop(job, None)
