"""Limits how often batches are read: a token bucket for each API key and one for each job (S10).

Each event asks for a read, and anybody who knows a job's callback address can make Google send
events to it. A read beyond the budget is delayed, never dropped (P18).
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Key

K = TypeVar("K")


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
        super().__init__(f"reads of this key or job are limited: wait {seconds:.1f} s")
        self.seconds = seconds


@dataclass
class _Bucket:
    tokens: float
    filled: float


class ReadBudget:
    """The buckets of all API keys and jobs."""

    def __init__(self, clock: Clock, per_key: Rate = PER_KEY, per_job: Rate = PER_JOB) -> None:
        self._clock = clock
        self._per_key = per_key
        self._per_job = per_job
        self._keys: dict[str, _Bucket] = {}
        self._jobs: dict[Key, _Bucket] = {}

    def take(self, key_id: str, job: Key) -> None:
        """Take one read of `job` with the key `key_id` from both buckets.

        Raises:
            Delayed: one of them is empty; nothing was taken.
        """
        key_bucket = _filled(self._keys, key_id, self._per_key, self._clock.monotonic())
        job_bucket = _filled(self._jobs, job, self._per_job, self._clock.monotonic())
        wait = max(
            (1 - key_bucket.tokens) / self._per_key.per_second,
            (1 - job_bucket.tokens) / self._per_job.per_second,
        )
        if wait > 0:
            raise Delayed(wait)
        key_bucket.tokens -= 1
        job_bucket.tokens -= 1

    def forget(self, job: Key) -> None:
        """Drop the bucket of a job that is gone."""
        self._jobs.pop(job, None)


def _filled(buckets: dict[K, _Bucket], name: K, rate: Rate, now: float) -> _Bucket:
    bucket = buckets.setdefault(name, _Bucket(rate.burst, now))
    bucket.tokens = min(rate.burst, bucket.tokens + (now - bucket.filled) * rate.per_second)
    bucket.filled = now
    return bucket
