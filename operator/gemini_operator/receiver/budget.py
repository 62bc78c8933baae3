"""Limits how many writes one callback address may cause."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from gemini_operator.base.token_bucket import TokenBucket

# A batch causes few events. Ten at once leave room for retries.
CAPACITY = 10
PER_MINUTE = 10
# Addresses that are remembered. One that is forgotten starts with a full bucket.
MAX_ENTRIES = 10_000


class TokenBuckets:
    """A token bucket for each key. When there are too many, the least recently used is forgotten.

    Args:
        capacity: tokens of a full bucket.
        per_minute: tokens that each bucket gets back per minute.
        max_entries: the most keys to remember.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        capacity: int,
        per_minute: float,
        *,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capacity = float(capacity)
        self._per_second = per_minute / 60
        self._max_entries = max_entries
        self._clock = clock
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Spend one token of `key` and return 0, or return the seconds until there is one."""
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = TokenBucket(self._capacity, self._per_second, self._clock)
            self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_entries:
            self._buckets.popitem(last=False)
        return bucket.take()


class WriteBudget(TokenBuckets):
    """The writes of each address, so that a leaked address cannot cause a stream of them (S14)."""

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        per_minute: float = PER_MINUTE,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(capacity, per_minute, max_entries=max_entries, clock=clock)
