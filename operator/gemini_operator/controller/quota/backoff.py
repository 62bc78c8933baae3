"""How long to leave Google alone after it has said no: longer each time, jittered, capped."""

import random

BASE = 5.0
CAP = 300.0


class Backoff:
    """Seconds by the number of failures in a row."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret

    def seconds(self, failures: int, at_least: float | None = None) -> float:
        """Between half and all of `BASE` doubled for each further failure, at most `CAP`."""
        ceiling = min(CAP, BASE * 2 ** min(failures - 1, 10))
        return max(self._rng.uniform(ceiling / 2, ceiling), at_least or 0.0)
