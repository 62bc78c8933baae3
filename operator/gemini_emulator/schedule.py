"""How long a batch stays in each state, and when a delivery is tried again."""

import asyncio
import heapq
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

Clock = Callable[[], float]
"""Answers with the present moment in seconds since 1970 (UTC)."""


def rfc3339(moment: float) -> str:
    """Write seconds since 1970 with nanoseconds, as Google's service does."""
    seconds = int(moment)
    nanoseconds = int((moment - seconds) * 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def rfc3339_seconds(moment: float) -> str:
    """Write seconds since 1970 with whole seconds, the form of a webhook's payload."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"


UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def duration(text: str) -> float:
    """Read `500ms`, `2s`, `5m` or `24h` as seconds; ValueError names what is wrong."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 2s, 5m or 24h")
    return float(match[1]) * UNITS[match[2]]


def named_durations(text: str, defaults: Mapping[str, float]) -> dict[str, float]:
    """Read `name=duration,…`; names that are left out keep their default, in seconds."""
    result = dict(defaults)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in defaults:
            raise ValueError(f"{name.strip()!r} is unknown; known are {', '.join(defaults)}")
        result[name.strip()] = duration(value)
    return result


@dataclass(frozen=True)
class Schedule:
    """Seconds that a batch is pending, then running, before it ends."""

    pending: float = 1.0
    running: float = 2.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `pending=1s,running=2s`; ValueError names what is wrong."""
        return cls(**named_durations(text, {"pending": cls.pending, "running": cls.running}))


@dataclass(frozen=True)
class RetrySchedule:
    """Exponential back-off between attempts of a delivery: all in seconds.

    Google retries for 24 hours (https://ai.google.dev/gemini-api/docs/webhooks); its delays are
    not documented.
    """

    first: float = 5.0
    longest: float = 3600.0
    total: float = 86_400.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `first=5s,max=1h,for=24h`; ValueError names what is wrong."""
        values = named_durations(text, {"first": cls.first, "max": cls.longest, "for": cls.total})
        if values["first"] <= 0:
            raise ValueError("first must be longer than 0s")
        return cls(first=values["first"], longest=values["max"], total=values["for"])

    def next_attempt(self, created: float, attempts: int, now: float) -> float | None:
        """Tell when attempt number `attempts + 1` is due; None once the time is up."""
        delay = min(self.first * 2 ** min(attempts - 1, 32), self.longest)
        due = now + delay
        return due if due <= created + self.total else None


class Agenda:
    """Ids by the moment they are due; one loop takes and waits, anybody puts.

    An id that was put off or called off stays on the agenda under its old moment: whoever takes it
    asks the thing itself whether it is due.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: list[tuple[float, str]] = []
        self._news = asyncio.Event()

    def put(self, identity: str, due: float | None) -> None:
        """Remember a moment in seconds since 1970; None is never."""
        if due is not None:
            heapq.heappush(self._entries, (due, identity))
            self._news.set()

    def take(self) -> list[str]:
        """Take what is due by now off the agenda, earliest first, each once."""
        now, found = self._clock(), dict[str, None]()
        while self._entries and self._entries[0][0] <= now:
            found[heapq.heappop(self._entries)[1]] = None
        return list(found)

    async def wait(self) -> None:
        """Return when something is due or something new was put."""
        timeout = max(0.0, self._entries[0][0] - self._clock()) if self._entries else None
        try:
            await asyncio.wait_for(self._news.wait(), timeout)
        except TimeoutError:
            return
        self._news.clear()
