"""API keys that Google refuses: nobody tries one again for a while (protocol P10)."""

from dataclasses import dataclass

from gemini_operator.controller.clock import Clock
from gemini_operator.controller.gate.backoff import CAP, Backoff


@dataclass(frozen=True)
class Refusal:
    """Google's words, and until when (monotonic seconds) the key is left alone."""

    message: str
    until: float
    failures: int


class Refusals:
    """The refused keys, by group."""

    def __init__(self, clock: Clock, backoff: Backoff) -> None:
        self._clock = clock
        self._backoff = backoff
        self._refusals: dict[str, Refusal] = {}

    def of(self, group: str) -> Refusal | None:
        """Why the key must not be tried now, or `None`."""
        refusal = self._refusals.get(group)
        if refusal is None or refusal.until <= self._clock.monotonic():
            return None
        return refusal

    def add(self, group: str, message: str) -> None:
        """Google refused the key: back off, longer each time."""
        known = self._refusals.get(group)
        failures = known.failures + 1 if known else 1
        until = self._clock.monotonic() + self._backoff.seconds(failures)
        self._refusals[group] = Refusal(message, until, failures)

    def end(self, group: str) -> None:
        """Google took the key: it is trusted again."""
        self._refusals.pop(group, None)

    def tidy(self) -> None:
        """Forget refusals so old that the next one may be the first."""
        now = self._clock.monotonic()
        self._refusals = {g: r for g, r in self._refusals.items() if now < r.until + CAP}
