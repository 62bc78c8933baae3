"""Who waits, by namespace: the one with the fewest places goes first, inside it the oldest job."""

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from gemini_operator.controller.job import Key


class Turn(NamedTuple):
    """Inside a namespace: first come, first served, the same after a restart."""

    created: datetime
    key: Key


class Claim(NamedTuple):
    """What a waiting job has to say for itself: the smallest goes first."""

    held: int
    """Places that its namespace holds of this key."""
    turn: Turn


class Oldest:
    """The waiting jobs of one namespace; who has left is passed over when its turn comes."""

    def __init__(self) -> None:
        self.here: set[Turn] = set()
        self._heap: list[Turn] = []

    def add(self, turn: Turn) -> None:
        if turn not in self.here:
            self.here.add(turn)
            heapq.heappush(self._heap, turn)

    def discard(self, turn: Turn) -> None:
        self.here.discard(turn)
        # Jobs that come and go behind one that stays would fill the heap for ever.
        if len(self._heap) > 2 * len(self.here) + 16:
            self._heap = sorted(self.here)

    def first(self) -> Turn:
        """Raises IndexError when nobody waits."""
        while self._heap[0] not in self.here:
            heapq.heappop(self._heap)
        return self._heap[0]


class Lanes:
    """Waiting jobs, in a lane for each namespace."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Oldest] = {}

    def __bool__(self) -> bool:
        return bool(self._namespaces)

    def __iter__(self) -> Iterator[Turn]:
        return (turn for oldest in self._namespaces.values() for turn in tuple(oldest.here))

    def add(self, turn: Turn) -> None:
        self._namespaces.setdefault(turn.key.namespace, Oldest()).add(turn)

    def discard(self, turn: Turn) -> None:
        oldest = self._namespaces.get(turn.key.namespace)
        if oldest is None:
            return
        oldest.discard(turn)
        if not oldest.here:
            del self._namespaces[turn.key.namespace]

    def best(self, held: Counter[str]) -> Claim | None:
        """The smallest claim, by the places that each namespace holds; `None` if nobody waits."""
        claims = (Claim(held[name], oldest.first()) for name, oldest in self._namespaces.items())
        return min(claims, default=None)
