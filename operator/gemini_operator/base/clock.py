"""Time, injected: what the calendar says, and how long something took."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks that must not be confused."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC: for what is written and compared with others' times."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump back and keep counting while the machine is suspended."""
        ...


class SystemClock:
    """The machine's clocks.

    `CLOCK_BOOTTIME` counts suspension, which `CLOCK_MONOTONIC` does not (`man 2 clock_gettime`):
    a laptop closed between the write-ahead and the create must not count as "within five seconds".
    """

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if boottime is None else time.clock_gettime(boottime)
