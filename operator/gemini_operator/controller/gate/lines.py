"""A key and model that Google throttles: nobody tries for a while, then the head alone."""

from collections import Counter
from collections.abc import Iterator

from gemini_operator.controller.gate.lanes import Claim, Lanes, Turn
from gemini_operator.controller.job import Key

HEAD_TRIES = 3


class Line:
    """
    Jobs that wait for an end of the 429s; the line itself ends with them.

    Attributes:
        opens: monotonic seconds until which nobody tries.
        failures: 429s in a row.
        probing: who tries alone now that the time is over.
        alarmed: who is woken when it is.
    """

    def __init__(self) -> None:
        self.opens = float("-inf")
        self.failures = 0
        self.probing: Key | None = None
        self.alarmed: Key | None = None
        self._tried: Key | None = None
        self._tries = 0
        self._lanes = Lanes()
        self._last: dict[Key, Turn] = {}

    def __iter__(self) -> Iterator[Turn]:
        yield from self._lanes
        yield from tuple(self._last.values())

    def add(self, turn: Turn) -> None:
        self._lanes.add(turn)

    def discard(self, turn: Turn) -> None:
        self._last.pop(turn.key, None)
        self._lanes.discard(turn)

    def head(self, held: Counter[str]) -> Claim | None:
        """Who goes next, by the places that each namespace holds; `None` when nobody waits."""
        if self._lanes:
            return self._lanes.best(held)
        turn = next(iter(self._last.values()), None)
        return Claim(held[turn.key.namespace], turn) if turn else None

    def close(self, opens: float) -> None:
        """Another 429: nobody tries before `opens`."""
        self.failures += 1
        self.opens = opens
        self.probing = self.alarmed = None

    def blame(self, turn: Turn) -> None:
        """Count a 429 for this job; after three in a row everybody else goes before it."""
        self._tries = self._tries + 1 if turn.key == self._tried else 1
        self._tried = turn.key
        if self._tries >= HEAD_TRIES:
            self._tries = 0
            self.discard(turn)
            self._last[turn.key] = turn

    def release(self, key: Key) -> None:
        """`key` gets no answer that says anything about the throttle."""
        if self.probing == key:
            self.probing = None

    def admits(self, now: float) -> bool:
        """Whether the head may go."""
        return self.opens <= now and self.probing is None

    def idle(self, now: float) -> bool:
        """Whether nothing would be lost with it."""
        return not self._lanes and not self._last and self.admits(now)
