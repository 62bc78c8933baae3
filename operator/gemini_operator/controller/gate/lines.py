"""Nobody tries for a while, then one alone: a throttled key and model, or a refused key.

The namespaces that wait take turns: the one that tried last goes last. So nobody waits behind a job
that Google answers with "no" each time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count

from gemini_operator.controller.gate.backoff import Backoff
from gemini_operator.controller.gate.lanes import Claim, Oldest, Turn
from gemini_operator.controller.job import Key

HEAD_TRIES = 3


class _Lane:
    """
    The jobs of one namespace.

    Attributes:
        tried: when the namespace had its last try; 0 if it has had none.
    """

    def __init__(self) -> None:
        self.tried = 0
        self._oldest = Oldest()
        self._last: dict[Key, Turn] = {}
        self._head: Key | None = None
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._oldest.here or self._last)

    def __iter__(self) -> Iterator[Turn]:
        yield from tuple(self._oldest.here)
        yield from tuple(self._last.values())

    def add(self, turn: Turn) -> None:
        self._oldest.add(turn)

    def discard(self, turn: Turn) -> None:
        self._last.pop(turn.key, None)
        self._oldest.discard(turn)

    def first(self) -> Turn:
        """Raises StopIteration when nobody waits."""
        return self._oldest.first() if self._oldest.here else next(iter(self._last.values()))

    def blame(self, turn: Turn, tries: int) -> None:
        self._in_a_row = self._in_a_row + 1 if turn.key == self._head else 1
        self._head = turn.key
        if self._in_a_row >= tries:
            self._in_a_row = 0
            self.discard(turn)
            self._last[turn.key] = turn


class Line:
    """
    Jobs that wait until Google says something else; the line itself ends with that.

    Args:
        tries: how often in a row a namespace tries with the same job, if it has others.

    Attributes:
        opens: monotonic seconds until which nobody tries.
        failures: times that Google said no, each after the back-off of the one before.
        probing: who tries alone now that the time is over.
        alarmed: who is woken when it is.
    """

    def __init__(self, tries: int = HEAD_TRIES) -> None:
        self.opens = float("-inf")
        self.failures = 0
        self.probing: Key | None = None
        self.alarmed: Key | None = None
        self._tries = tries
        self._turns = count(1)
        self._lanes: defaultdict[str, _Lane] = defaultdict(_Lane)

    def __iter__(self) -> Iterator[Turn]:
        return (turn for lane in self._lanes.values() for turn in lane)

    def add(self, turn: Turn) -> None:
        self._lanes[turn.key.namespace].add(turn)

    def discard(self, turn: Turn) -> None:
        lane = self._lanes.get(turn.key.namespace)
        if lane is not None:
            lane.discard(turn)

    def head(self, held: Counter[str]) -> Claim | None:
        """Who goes next, by the places that each namespace holds; `None` when nobody waits."""
        waiting = ((name, lane) for name, lane in self._lanes.items() if lane)
        claims = ((lane.tried, Claim(held[name], lane.first())) for name, lane in waiting)
        return min(claims, default=(0, None))[1]

    def close(self, now: float, backoff: Backoff, at_least: float | None) -> None:
        """
        Google said no again: nobody tries for a while.

        Creates that were under way together are one failure: only what was sent after the back-off
        makes the next one longer.
        """
        if self.opens <= now:
            self.failures += 1
            self.opens = now + backoff.seconds(self.failures, at_least)
        else:
            self.opens = max(self.opens, now + (at_least or 0.0))
        self.probing = self.alarmed = None

    def blame(self, turn: Turn) -> None:
        """Count a "no" for this job: other namespaces go first, and in the end others of its own."""
        lane = self._lanes[turn.key.namespace]
        lane.tried = next(self._turns)
        lane.blame(turn, self._tries)

    def release(self, key: Key) -> None:
        """`key` gets no answer that says anything about the line; its namespace has had its turn."""
        if self.probing == key:
            self.probing = None
            self._lanes[key.namespace].tried = next(self._turns)

    def admits(self, now: float) -> bool:
        """Whether the head may go."""
        return self.opens <= now and self.probing is None

    def idle(self, now: float) -> bool:
        """Whether nothing would be lost with it."""
        return not any(self._lanes.values()) and self.admits(now)
