"""How long to wait after failures in a row: longer each time, up to a limit."""

import random

# Doubled more often, any first delay is far above its limit.
_DOUBLINGS = 32


class Backoff:
    """Delays by the number of failures in a row.

    Args:
        first: seconds after the first failure, doubled for each further one.
        most: the limit, in seconds.
        rng: jitter.
    """

    def __init__(self, first: float, most: float, rng: random.Random | None = None) -> None:
        self._first = first
        self._most = most
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret

    def longest(self, failures: int) -> float:
        """Seconds to wait after `failures` (1 or more), without jitter."""
        return min(self._most, self._first * 2.0 ** min(failures - 1, _DOUBLINGS))

    def seconds(self, failures: int, at_least: float | None = None) -> float:
        """Between half and all of `longest`, so that what failed together is not tried again together.

        `at_least`: seconds that a server has asked to wait.
        """
        longest = self.longest(failures)
        return max(self._rng.uniform(longest / 2, longest), at_least or 0.0)
