"""A token bucket: limits how often something may happen, and allows bursts up to a limit."""

from collections.abc import Callable

# A wait, in seconds, that is only a rounding error: a clock may be unable to advance by it.
ROUNDING = 1e-6


class TokenBucket:
    """A bucket that starts full and is refilled at a constant rate, up to its capacity.

    Args:
        capacity: the most tokens that it holds, so the largest burst.
        per_second: tokens that are refilled each second.
        clock: a monotonic clock in seconds.
    """

    __slots__ = ("_capacity", "_clock", "_filled_at", "_per_second", "_tokens")

    def __init__(self, capacity: float, per_second: float, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._clock = clock
        self._tokens = capacity
        self._filled_at = clock()

    def wait(self) -> float:
        """Return the seconds until there is a token; 0 if there is one now. Spends nothing.

        A caller that needs a token of several buckets asks each of them first, and takes from all
        or from none.
        """
        self._refill()
        seconds = (1 - self._tokens) / self._per_second
        return seconds if seconds > ROUNDING else 0.0

    def take(self) -> float:
        """Spend one token and return 0. Without a token, return the seconds until there is one."""
        seconds = self.wait()
        if seconds == 0:
            self._tokens -= 1
        return seconds

    def change(self, capacity: float, per_second: float) -> None:
        """Go on with another capacity and rate; tokens beyond the capacity are lost."""
        self._refill()
        self._capacity = capacity
        self._per_second = per_second
        self._tokens = min(capacity, self._tokens)

    def drain(self) -> None:
        """Throw away all tokens."""
        self._refill()
        self._tokens = min(0.0, self._tokens)

    def give_back(self) -> None:
        """Return a token that was taken and not used."""
        self._tokens = min(self._capacity, self._tokens + 1)

    @property
    def full(self) -> bool:
        """Whether it holds as many tokens as it can."""
        self._refill()
        return self._tokens >= self._capacity

    def _refill(self) -> None:
        # Computed when it is needed, so that no bucket has a timer.
        now = self._clock()
        earned = (now - self._filled_at) * self._per_second
        self._tokens = min(self._capacity, self._tokens + earned)
        self._filled_at = now
