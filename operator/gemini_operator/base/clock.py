"""The clocks, which tests replace: wall-clock time and monotonic time."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks that must not be confused."""

    def now(self) -> datetime:
        """Return the wall-clock time in UTC, to store and to compare with other machines' times."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never jump back, and go on while the machine is suspended."""
        ...


class SystemClock:
    """The machine's clocks.

    `CLOCK_BOOTTIME` counts the time of a suspension, which `CLOCK_MONOTONIC` does not
    (`man 2 clock_gettime`). A create must not count as "within five seconds" if the machine was
    suspended for an hour after the write-ahead.
    """

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        # Linux only; macOS, for development, does not have it.
        boottime = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if boottime is None else time.clock_gettime(boottime)
