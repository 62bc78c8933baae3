"""How often something may happen for one key, as how many writes one address may cause (S14)."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

CAPACITY = 10
PER_MINUTE = 10
MAX_ENTRIES = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class TokenBuckets:
    """A token bucket for each key, for as many keys as fit; the least recently used is forgotten.

    Args:
        capacity: tokens that may be spent at once.
        per_minute: tokens that are given back each minute.
        max_entries: keys to remember.
        clock: seconds that only go forward.
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
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    def take(self, key: Hashable) -> float:
        """Spend one token and return 0, or return the seconds until there is one to spend."""
        bucket = self._filled(key)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        return (1 - bucket.tokens) / self._per_second

    def _filled(self, key: Hashable) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(self._capacity, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._max_entries:
            self._buckets.popitem(last=False)
        earned = (now - bucket.filled_at) * self._per_second
        bucket.tokens = min(self._capacity, bucket.tokens + earned)
        bucket.filled_at = now
        return bucket


class WriteBudget(TokenBuckets):
    """The writes of each address: a leaked one must not become a stream of them (S14)."""

    def __init__(
        self,
        *,
        capacity: int = CAPACITY,
        per_minute: float = PER_MINUTE,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(capacity, per_minute, max_entries=max_entries, clock=clock)
