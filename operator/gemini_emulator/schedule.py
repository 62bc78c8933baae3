"""Timestamps, durations, the schedules of batches and retries, and a queue of what is due."""

import asyncio
import heapq
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)

TimeSource = Callable[[], float]
"""Returns the current time in seconds since 1970 (UTC)."""


def rfc3339(moment: float) -> str:
    """Format seconds since 1970 with nanoseconds, as Google's API does."""
    seconds = int(moment)
    nanoseconds = int((moment - seconds) * 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def rfc3339_seconds(moment: float) -> str:
    """Format seconds since 1970 in whole seconds, as in the payload of a webhook."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"


def duration(text: str) -> float:
    """Parse `500ms`, `2s`, `5m` or `24h` to seconds.

    Raises:
        ValueError: the text is not a duration; the message quotes it.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 2s, 5m or 24h")
    return float(match[1]) * UNITS[match[2]]


def named_durations(text: str, defaults: Mapping[str, float]) -> dict[str, float]:
    """Parse `name=duration,…` to seconds; omitted names keep their default.

    Raises:
        ValueError: a name is unknown or a duration is invalid.
    """
    result = dict(defaults)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in defaults:
            raise ValueError(f"{name.strip()!r} is unknown; known are {', '.join(defaults)}")
        result[name.strip()] = duration(value)
    return result


@dataclass(frozen=True)
class Schedule:
    """How many seconds a batch is pending, then running, before it ends."""

    pending: float = 1.0
    running: float = 2.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `pending=1s,running=2s`; ValueError as from `named_durations`."""
        return cls(**named_durations(text, {"pending": cls.pending, "running": cls.running}))


@dataclass(frozen=True)
class RetrySchedule:
    """Exponential backoff between attempts of a delivery, in seconds.

    Google retries for 24 hours (https://ai.google.dev/gemini-api/docs/webhooks); it does not
    document the delays.
    """

    first: float = 5.0
    longest: float = 3600.0
    total: float = 86_400.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `first=5s,max=1h,for=24h`; ValueError also for `first=0s`."""
        values = named_durations(text, {"first": cls.first, "max": cls.longest, "for": cls.total})
        if values["first"] <= 0:
            raise ValueError("first must be longer than 0s")
        return cls(first=values["first"], longest=values["max"], total=values["for"])

    def next_attempt(self, created: float, attempts: int, now: float) -> float | None:
        """Return when attempt number `attempts + 1` is due; None after the last attempt."""
        delay = min(self.first * 2 ** min(attempts - 1, 32), self.longest)
        due = now + delay
        return due if due <= created + self.total else None


class DelayQueue:
    """Ids by the time they are due: a priority queue that one loop takes from.

    Entries are never moved or removed. The loop checks each id it takes: what it stands for may
    have been postponed or cancelled.
    """

    def __init__(self, clock: TimeSource) -> None:
        self._clock = clock
        self._entries: list[tuple[float, str]] = []
        self._added = asyncio.Event()

    def put(self, identity: str, due: float | None) -> None:
        """Add an id, due in seconds since 1970; None means never and adds nothing."""
        if due is not None:
            heapq.heappush(self._entries, (due, identity))
            self._added.set()

    def take(self) -> list[str]:
        """Remove and return the ids that are due, earliest first, each once."""
        now, found = self._clock(), dict[str, None]()
        while self._entries and self._entries[0][0] <= now:
            found[heapq.heappop(self._entries)[1]] = None
        return list(found)

    async def wait(self) -> None:
        """Wait until an id is due or a new one is put."""
        timeout = max(0.0, self._entries[0][0] - self._clock()) if self._entries else None
        try:
            await asyncio.wait_for(self._added.wait(), timeout)
        except TimeoutError:
            return
        self._added.clear()
