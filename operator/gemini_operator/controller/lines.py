"""Who waits for an API key: a line for each model, fair between namespaces."""

import heapq
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gemini_operator.controller.job import Key

HEAD_TRIES = 3


class Turn(NamedTuple):
    """Inside a namespace: first come, first served, the same after a restart."""

    created: datetime
    key: Key


class Claim(NamedTuple):
    """What the head of a line has to say for itself: the smallest goes first."""

    held: int
    """Places that its namespace holds of this key."""
    turn: Turn


class _Oldest:
    """The waiting jobs of one namespace; who has left is passed over when its turn comes."""

    def __init__(self) -> None:
        self._heap: list[Turn] = []
        self._here: set[Turn] = set()

    def __len__(self) -> int:
        return len(self._here)

    def add(self, turn: Turn) -> None:
        if turn not in self._here:
            self._here.add(turn)
            heapq.heappush(self._heap, turn)

    def discard(self, turn: Turn) -> None:
        self._here.discard(turn)
        # Jobs that come and go behind one that stays would fill the heap for ever.
        if len(self._heap) > 2 * len(self._here) + 16:
            self._heap = sorted(self._here)

    def first(self) -> Turn:
        """Raises IndexError when nobody waits."""
        while self._heap[0] not in self._here:
            heapq.heappop(self._heap)
        return self._heap[0]


@dataclass
class Throttle:
    """
    Google's last answers to a key and model were 429.

    Args:
        opens: monotonic seconds until which nobody tries.
        failures: answers in a row.
        tried: who was answered last, and how often in a row (`tries`).
        probing: who tries alone now that the time is over.
        alarmed: who is woken when it is.
    """

    opens: float = float("-inf")
    failures: int = 0
    tried: Key | None = None
    tries: int = 0
    probing: Key | None = None
    alarmed: Key | None = None

    def close(self, opens: float) -> None:
        """Another 429."""
        self.failures += 1
        self.opens = opens
        self.probing = self.alarmed = None

    def blame(self, key: Key) -> bool:
        """Count a 429 for this job; tells whether it was one too many in a row."""
        self.tries = self.tries + 1 if key == self.tried else 1
        self.tried = key
        if self.tries < HEAD_TRIES:
            return False
        self.tries = 0
        return True


class Line:
    """
    Jobs that wait to submit with one key and model.

    Attributes:
        throttle: while Google throttles them.
        called: jobs that have left the line but not asked yet.
    """

    def __init__(self) -> None:
        self.throttle: Throttle | None = None
        self.called: set[Key] = set()
        self._namespaces: dict[str, _Oldest] = {}
        self._last: dict[Key, Turn] = {}

    def add(self, turn: Turn) -> None:
        self._namespaces.setdefault(turn.key.namespace, _Oldest()).add(turn)

    def discard(self, turn: Turn) -> None:
        self._last.pop(turn.key, None)
        oldest = self._namespaces.get(turn.key.namespace)
        if oldest is None:
            return
        oldest.discard(turn)
        if not len(oldest):
            del self._namespaces[turn.key.namespace]

    def to_the_end(self, turn: Turn) -> None:
        """Let everybody else go before, whatever their claims."""
        self.discard(turn)
        self._last[turn.key] = turn

    def head(self, held: Counter[str]) -> Claim | None:
        """The best claim, by the places that each namespace holds; `None` when nobody waits."""
        if self._namespaces:
            return min(Claim(held[n], oldest.first()) for n, oldest in self._namespaces.items())
        turn = next(iter(self._last.values()), None)
        return Claim(held[turn.key.namespace], turn) if turn else None

    def admits(self, now: float) -> bool:
        """Whether the head may go: throttled, it does so alone when the time is over."""
        throttle = self.throttle
        return throttle is None or (throttle.opens <= now and throttle.probing is None)

    def probe(self, key: Key) -> None:
        """`key` was called; where creates are throttled, nobody else is until it has its answer."""
        if self.throttle is not None:
            self.throttle.probing = key

    def release(self, key: Key) -> None:
        """`key` gets no answer that says anything about the throttle."""
        if self.throttle is not None and self.throttle.probing == key:
            self.throttle.probing = None

    def reopen(self) -> None:
        """Google takes creates again: all are equal."""
        self.throttle = None
        for turn in tuple(self._last.values()):
            self.discard(turn)
            self.add(turn)

    def idle(self, now: float) -> bool:
        """Whether nothing would be lost with it."""
        return not self._namespaces and not self._last and not self.called and self.admits(now)
