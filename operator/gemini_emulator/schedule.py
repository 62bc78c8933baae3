"""How long a batch stays in each state, and when a delivery is tried again."""

from dataclasses import dataclass
from typing import Self

from gemini_emulator.durations import named_durations


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
