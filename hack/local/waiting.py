"""Bounded waiting: no loop in this package is endless."""

import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, timeout: float, interval: float = 0.05) -> bool:
    """Ask until the answer is true or `timeout` seconds are over; false in the second case."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True
