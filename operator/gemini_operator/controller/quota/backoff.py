"""Back-off after Google throttles or refuses: exponential, jittered, capped."""

import random

# Seconds. A limit that was raised at Google is noticed within the cap, unless Google asks for more.
BASE = 5.0
CAP = 300.0


class Backoff:
    """The delay for a number of failures in a row.

    Args:
        rng: jitter; its own generator by default.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret

    def seconds(self, failures: int, at_least: float | None = None) -> float:
        """Return the delay in seconds.

        Args:
            failures: in a row, at least 1. `BASE` doubles with each further one, up to `CAP`; the
                delay is between half of that and all of it.
            at_least: seconds that Google asked to wait; may exceed `CAP`.
        """
        # The exponent is bounded, as a float overflows beyond 2 ** 1023.
        ceiling = min(CAP, BASE * 2 ** min(failures - 1, 10))
        return max(self._rng.uniform(ceiling / 2, ceiling), at_least or 0.0)
