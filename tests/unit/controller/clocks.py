"""Time that stands still until a test moves it."""

from datetime import datetime, timedelta

from tests.unit.controller.builders import MONOTONIC, NOW


class ManualClock:
    """`base.clock.Clock`, both of its clocks moved together."""

    def __init__(self) -> None:
        self._passed = 0.0

    def advance(self, seconds: float) -> None:
        self._passed += seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return MONOTONIC + self._passed
