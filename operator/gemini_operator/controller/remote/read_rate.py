"""How fast batches are read with one API key: halved when Google answers 429, raised slowly."""

from collections.abc import Callable

from gemini_operator.base.token_bucket import TokenBucket

# Reads per second below which the rate does not fall, or a throttled key would never recover.
FLOOR = 1.0
# Reads per second by which the rate rises, at most once a second, while Google answers.
STEP = 2.0
# Seconds between two changes. Reads that were under way together are throttled together, and must
# halve the rate once.
SETTLE = 1.0
# Seconds without a change after which a lowered rate says nothing any more.
OUTDATED = 3600.0


class ReadRate:
    """The tokens of one API key, at a rate that follows Google's answers.

    A burst is as large as the reads of one second.

    Args:
        limit: the most reads per second.
        clock: a monotonic clock in seconds.
    """

    def __init__(self, limit: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._bucket = TokenBucket(limit, limit, clock)
        self._per_second = limit
        self._changed_at = float("-inf")
        self._blocked_until = float("-inf")

    @property
    def per_second(self) -> float:
        """Reads per second that are allowed now."""
        return self._per_second

    @property
    def idle(self) -> bool:
        """Whether a new one may replace it: at the limit or outdated, and with every token."""
        outdated = self._clock() - self._changed_at > OUTDATED
        recovered = self._per_second == self._limit or outdated
        return recovered and self._bucket.full and self.wait() == 0

    def wait(self) -> float:
        """Return the seconds until there is a token; 0 if there is one now."""
        return max(0.0, self._blocked_until - self._clock(), self._bucket.wait())

    def take(self) -> bool:
        """Take a token, if there is one now."""
        return self.wait() == 0 and self._bucket.take() == 0

    def give_back(self) -> None:
        """Return a token that was not used."""
        self._bucket.give_back()

    def throttled(self, retry_after: float | None) -> None:
        """Slow down after a 429, and stop for `retry_after` seconds if Google asked for them."""
        now = self._clock()
        self._blocked_until = max(self._blocked_until, now + (retry_after or 0.0))
        if now - self._changed_at >= SETTLE:
            self._set(max(FLOOR, self._per_second / 2))
            # What is left of the burst would meet the same answer.
            self._bucket.drain()

    def succeeded(self) -> None:
        """Speed up after a read that Google answered, a little at a time."""
        if self._per_second < self._limit and self._clock() - self._changed_at >= SETTLE:
            self._set(min(self._limit, self._per_second + STEP))

    def _set(self, per_second: float) -> None:
        self._per_second = per_second
        self._changed_at = self._clock()
        self._bucket.change(max(1.0, per_second), per_second)
