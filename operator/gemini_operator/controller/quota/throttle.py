"""A circuit breaker for a throttled model or a refused API key: wait, then let one job probe.

Namespaces alternate: the one that probed last comes last. So no job waits for ever behind one whose
create Google refuses every time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import count

from gemini_operator.base.backoff import Backoff
from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.fair_queue import Candidate, NamespaceQueue, Position

# Seconds for which Google is left alone after a refusal: the first time, and at most.
BASE = 5.0
CAP = 300.0

# Failures in a row after which a namespace probes with its next job. The oldest job keeps its turn
# through a short throttle, but a job that is throttled every time cannot block its namespace.
HEAD_TRIES = 3


class _Namespace:
    """The jobs of one namespace.

    Attributes:
        tried: the number of its last probe, counting up; 0 before its first.
    """

    def __init__(self) -> None:
        self.tried = 0
        self._queue = NamespaceQueue()
        self._last: dict[Key, Position] = {}
        self._head: Key | None = None
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._queue.here or self._last)

    def __iter__(self) -> Iterator[Position]:
        yield from tuple(self._queue.here)
        yield from tuple(self._last.values())

    def add(self, position: Position) -> None:
        self._queue.add(position)

    def discard(self, position: Position) -> None:
        self._last.pop(position.key, None)
        self._queue.discard(position)

    def first(self) -> Position:
        """Return the next job: the oldest, then those that have used up their tries.

        Raises:
            StopIteration: no job waits.
        """
        return self._queue.first() if self._queue.here else next(iter(self._last.values()))

    def record_failure(self, position: Position, tries: int) -> None:
        # Only failures of the same job in a row count; another job starts a new count.
        self._in_a_row = self._in_a_row + 1 if position.key == self._head else 1
        self._head = position.key
        if self._in_a_row >= tries:
            self._in_a_row = 0
            self.discard(position)
            self._last[position.key] = position


class Throttle:
    """The waiting jobs of a throttled model or a refused key. The first accepted create ends it.

    Args:
        tries: failures in a row after which a namespace tries with another of its jobs.

    Attributes:
        blocked_until: monotonic seconds before which no job may try.
        failures: failed creates, each sent after the back-off of the one before.
        probe: the one job that tries after that time.
        alarmed: the job that is requeued at that time.
    """

    def __init__(self, tries: int = HEAD_TRIES) -> None:
        self.blocked_until = float("-inf")
        self.failures = 0
        self.probe: Key | None = None
        self.alarmed: Key | None = None
        self._tries = tries
        self._order = count(1)
        self._namespaces: defaultdict[str, _Namespace] = defaultdict(_Namespace)

    def __iter__(self) -> Iterator[Position]:
        return (position for namespace in self._namespaces.values() for position in namespace)

    def add(self, position: Position) -> None:
        self._namespaces[position.key.namespace].add(position)

    def discard(self, position: Position) -> None:
        namespace = self._namespaces.get(position.key.namespace)
        if namespace is not None:
            namespace.discard(position)

    def head(self, used: Counter[str]) -> Candidate | None:
        """Return the next probe; `None` if no job waits.

        Args:
            used: the slots of the API key that each namespace uses.
        """
        waiting = ((name, namespace) for name, namespace in self._namespaces.items() if namespace)
        candidates = (
            (namespace.tried, Candidate(used[name], namespace.first()))
            for name, namespace in waiting
        )
        return min(candidates, default=(0, None))[1]

    def block(self, now: float, backoff: Backoff, at_least: float | None) -> None:
        """Block after a failed create.

        Creates that were under way together count as one failure. Only a create that was sent after
        the back-off makes the next one longer.

        Args:
            now: monotonic seconds.
            backoff: the delay by the number of failures.
            at_least: seconds that Google asked to wait.
        """
        if self.blocked_until <= now:
            self.failures += 1
            self.blocked_until = now + backoff.seconds(self.failures, at_least)
        else:
            self.blocked_until = max(self.blocked_until, now + (at_least or 0.0))
        self.probe = self.alarmed = None

    def record_failure(self, position: Position) -> None:
        """Count a failure of this job: its namespace probes last, and later with another job."""
        namespace = self._namespaces[position.key.namespace]
        namespace.tried = next(self._order)
        namespace.record_failure(position, self._tries)

    def give_up_probe(self, key: Key) -> None:
        """Give up the probe of `key`; its create did not show whether Google still throttles."""
        if self.probe == key:
            self.probe = None
            self._namespaces[key.namespace].tried = next(self._order)

    def allows(self, now: float) -> bool:
        """Return whether the next job may probe at `now` (monotonic seconds)."""
        return self.blocked_until <= now and self.probe is None

    def idle(self, now: float) -> bool:
        """Return whether nothing waits and nothing is blocked, so that it can be forgotten."""
        return not any(self._namespaces.values()) and self.allows(now)
