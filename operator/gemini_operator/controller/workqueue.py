"""A keyed work queue: one pass per key at a time, duplicates collapse, namespaces take turns."""

import asyncio
import heapq
import itertools
import math
import random
from collections import OrderedDict, deque
from typing import NamedTuple, Protocol

from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Key

BACKOFF_BASE = 0.5
BACKOFF_CAP = 60.0


class Wakes(Protocol):
    """What of a queue wakes jobs."""

    def add(self, key: Key) -> None:
        """Want a pass over `key` now."""

    def add_after(self, key: Key, seconds: float) -> None:
        """Want a pass over `key` in `seconds`."""


class _Failures(NamedTuple):
    """How often passes over a key have failed, and until when it waits for the next."""

    in_a_row: int = 0
    until: float = -math.inf


class KeyedQueue:
    """Work by key.

    A key that is added while it waits is one piece of work; added while it is being worked on, it
    comes again afterwards. Of several delays of a key the shortest counts.

    Args:
        clock: times the delays.
        rng: jitter of the back-off.
    """

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._lines: OrderedDict[str, deque[Key]] = OrderedDict()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: list[tuple[float, int, Key]] = []
        self._due: dict[Key, float] = {}
        self._ticket = itertools.count()
        self._failures: dict[Key, _Failures] = {}
        self._changed = asyncio.Event()
        self._closed = False

    @property
    def depth(self) -> int:
        return len(self._waiting)

    def add(self, key: Key) -> None:
        """Want a pass over `key` now."""
        self._due.pop(key, None)
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._lines.setdefault(key.namespace, deque()).append(key)
            self._changed.set()

    def add_after(self, key: Key, seconds: float) -> None:
        """Want a pass over `key` in `seconds`, unless one is wanted sooner; infinity is never."""
        due = self._clock.monotonic() + max(0.0, seconds)
        if self._due.get(key, float("inf")) <= due or key in self._waiting:
            return
        self._due[key] = due
        heapq.heappush(self._timers, (due, next(self._ticket), key))
        self._changed.set()

    def back_off(self, key: Key, *, at_least: float = 0.0) -> float:
        """Want a pass after a failure: later each time, jittered.

        A pass that something else has called before its time, and that fails too, changes nothing:
        the events of its own writes would make a job wait for minutes.

        Args:
            key: whose pass has failed.
            at_least: seconds that a server has asked to wait.

        Returns:
            The delay in seconds.
        """
        now = self._clock.monotonic()
        in_a_row, until = self._failures.get(key, _Failures())
        if until <= now:
            ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2 ** min(in_a_row, 16))
            in_a_row, until = in_a_row + 1, now + self._rng.uniform(ceiling / 2, ceiling)
        until = max(until, now + at_least)
        self._failures[key] = _Failures(in_a_row, until)
        self.add_after(key, until - now)
        return until - now

    def forget(self, key: Key) -> None:
        """The key had a good pass (or is gone): its next failure is the first."""
        self._failures.pop(key, None)

    def drop(self, key: Key) -> None:
        """The object is gone: nothing delayed is wanted any more."""
        self.forget(key)
        self._due.pop(key, None)

    async def get(self) -> Key | None:
        """The next key; call `done` after the pass. `None` once the queue is closed."""
        while not self._closed:
            self._fire()
            if self._lines:
                return self._take()
            self._changed.clear()
            await self._sleep()
        return None

    def done(self, key: Key) -> None:
        """The pass over `key` has ended."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def close(self) -> None:
        """No further key is handed out."""
        self._closed = True
        self._changed.set()

    def _take(self) -> Key:
        namespace, line = self._lines.popitem(last=False)
        key = line.popleft()
        if line:
            self._lines[namespace] = line
        self._waiting.discard(key)
        self._working.add(key)
        if self._lines:
            self._changed.set()
        return key

    def _fire(self) -> None:
        now = self._clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, _, key = heapq.heappop(self._timers)
            if self._due.get(key) == due:
                self.add(key)

    async def _sleep(self) -> None:
        wait = max(0.0, self._timers[0][0] - self._clock.monotonic()) if self._timers else None
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return
