"""Fair order of waiting jobs: the namespace that uses fewest slots first, then its oldest job."""

import heapq
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from gemini_operator.controller.job import Key


class Position(NamedTuple):
    """A job's order within its namespace: oldest first, and the same after a restart."""

    created: datetime
    key: Key


class Candidate(NamedTuple):
    """Sort key for a namespace's next job: fewest slots in use first, then the oldest job."""

    used: int
    """Slots of this API key that the job's namespace uses."""
    position: Position


class NamespaceQueue:
    """The waiting jobs of one namespace, oldest first.

    A removed job stays in the heap until it is first, and is then skipped.
    """

    def __init__(self) -> None:
        self.here: set[Position] = set()
        self._heap: list[Position] = []

    def add(self, position: Position) -> None:
        if position not in self.here:
            self.here.add(position)
            heapq.heappush(self._heap, position)

    def discard(self, position: Position) -> None:
        self.here.discard(position)
        # A heap cannot remove from its middle. Rebuild it before removed jobs behind one that stays
        # fill it; a sorted list is a heap.
        if len(self._heap) > 2 * len(self.here) + 16:
            self._heap = sorted(self.here)

    def first(self) -> Position:
        """Return the oldest job.

        Raises:
            IndexError: no job waits.
        """
        while self._heap[0] not in self.here:
            heapq.heappop(self._heap)
        return self._heap[0]


class FairQueue:
    """Waiting jobs of all namespaces."""

    def __init__(self) -> None:
        self._namespaces: dict[str, NamespaceQueue] = {}

    def __bool__(self) -> bool:
        return bool(self._namespaces)

    def __iter__(self) -> Iterator[Position]:
        return (position for queue in self._namespaces.values() for position in tuple(queue.here))

    def add(self, position: Position) -> None:
        self._namespaces.setdefault(position.key.namespace, NamespaceQueue()).add(position)

    def discard(self, position: Position) -> None:
        queue = self._namespaces.get(position.key.namespace)
        if queue is None:
            return
        queue.discard(position)
        # `best` goes through all namespaces, so an empty one must not stay.
        if not queue.here:
            del self._namespaces[position.key.namespace]

    def best(self, used: Counter[str]) -> Candidate | None:
        """Return the next job; `None` if no job waits.

        Args:
            used: the slots of this API key that each namespace uses.
        """
        # No turn is remembered, so a restart comes to the same order (decision 0014).
        candidates = (
            Candidate(used[name], queue.first()) for name, queue in self._namespaces.items()
        )
        return min(candidates, default=None)
