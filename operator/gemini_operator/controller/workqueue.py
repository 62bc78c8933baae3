"""The work queue: one reconcile per key at a time, no duplicates, namespaces alternate."""

import asyncio
import heapq
import itertools
import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from gemini_operator.base.backoff import Backoff
from gemini_operator.base.clock import Clock
from gemini_operator.controller.job import Key

# Seconds before the first retry, doubled for each further one up to the cap, then jittered.
BACKOFF_BASE = 0.5
BACKOFF_CAP = 60.0


class Wakes(Protocol):
    """The part of the queue that wakes jobs."""

    def add(self, key: Key) -> None:
        """Reconcile `key` now."""

    def add_after(self, key: Key, seconds: float) -> None:
        """Reconcile `key` in `seconds`."""


class Timers(Wakes, Protocol):
    """The part of the queue for whoever times the turns of many jobs."""

    def call_after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` in `seconds`."""


class _Failures(NamedTuple):
    """The failures of a key in a row, and the monotonic time until which it backs off."""

    in_a_row: int = 0
    until: float = -math.inf


class KeyedQueue:
    """A work queue of keys.

    A key that is added while it is queued is reconciled once. A key that is added while it is being
    reconciled is queued again afterwards. Of several delays of a key the shortest counts.

    Args:
        clock: times the delays.
        rng: jitter of the back-off.
    """

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self._clock = clock
        self._backoff = Backoff(BACKOFF_BASE, BACKOFF_CAP, rng)
        # By namespace, so that one with ten thousand keys cannot delay the others.
        self._by_namespace: OrderedDict[str, deque[Key]] = OrderedDict()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        # The versions of the objects that asked for another reconcile; `None` is any other reason.
        self._again: dict[Key, set[int | None]] = {}
        self._timers: list[tuple[float, int, Key | Callable[[], None]]] = []
        self._due: dict[Key, float] = {}
        self._ticket = itertools.count()
        self._failures: dict[Key, _Failures] = {}
        self._changed = asyncio.Event()
        # Held by the one idle worker that sleeps. Otherwise every key and every timer would wake
        # all of them, for one to get the key.
        self._sleeper = asyncio.Lock()
        self._closed = False

    @property
    def depth(self) -> int:
        return len(self._waiting)

    def add(self, key: Key, *, version: int | None = None) -> None:
        """Queue `key` now; a delay that it has is void.

        Args:
            key: to be reconciled.
            version: of its object, if that is the reason.
        """
        # The running reconcile may have read the state from before this change.
        if key in self._working:
            self._again.setdefault(key, set()).add(version)
            return
        self._due.pop(key, None)
        if key not in self._waiting:
            self._waiting.add(key)
            self._by_namespace.setdefault(key.namespace, deque()).append(key)
            self._changed.set()

    def acknowledge(self, key: Key, version: int) -> None:
        """Note that the running reconcile knows a version of its object: it has written it.

        The watch may show a write before its answer comes. That is no reason for another reconcile,
        and must not end the back-off that the running one asks for.
        """
        versions = self._again.get(key, set())
        versions.discard(version)
        if not versions:
            self._again.pop(key, None)

    def add_after(self, key: Key, seconds: float) -> None:
        """Queue `key` in `seconds`, unless it is queued or due sooner; infinity means never."""
        due = self._clock.monotonic() + max(0.0, seconds)
        if self._due.get(key, float("inf")) <= due or key in self._waiting:
            return
        self._due[key] = due
        heapq.heappush(self._timers, (due, next(self._ticket), key))
        self._changed.set()

    def call_after(self, seconds: float, call: Callable[[], None]) -> None:
        """Call `call` in `seconds`, while a worker waits for its next key."""
        due = self._clock.monotonic() + seconds
        heapq.heappush(self._timers, (due, next(self._ticket), call))
        self._changed.set()

    def back_off(self, key: Key, *, at_least: float = 0.0) -> float:
        """Queue `key` after a failed reconcile, later each time, with jitter.

        A reconcile that something else caused before its time, and that fails too, does not
        lengthen the back-off. Otherwise the watch events of a job's own writes would make it wait
        for minutes.

        Args:
            key: its reconcile failed.
            at_least: seconds that a server asked to wait.

        Returns:
            The delay in seconds.
        """
        now = self._clock.monotonic()
        in_a_row, until = self._failures.get(key, _Failures())
        if until <= now:
            in_a_row += 1
            until = now + self._backoff.seconds(in_a_row)
        until = max(until, now + at_least)
        self._failures[key] = _Failures(in_a_row, until)
        self.add_after(key, until - now)
        return until - now

    def forget(self, key: Key) -> None:
        """Reset the back-off of a key: its reconcile succeeded, or it is gone."""
        self._failures.pop(key, None)

    def drop(self, key: Key) -> None:
        """Drop the delay and the back-off of an object that is gone."""
        self.forget(key)
        self._due.pop(key, None)

    async def get(self) -> Key | None:
        """Return the next key, or `None` once the queue is closed.

        The caller reconciles the key and then calls `done`.
        """
        async with self._sleeper:
            while not self._closed:
                self._fire()
                if self._by_namespace:
                    return self._take()
                self._changed.clear()
                await self._sleep()
        return None

    def done(self, key: Key) -> None:
        """Mark the reconcile of `key` as ended; queue it again if it was added meanwhile."""
        self._working.discard(key)
        if key in self._again:
            del self._again[key]
            self.add(key)

    def close(self) -> None:
        """Return no further key from `get`."""
        self._closed = True
        self._changed.set()

    def _take(self) -> Key:
        namespace, line = self._by_namespace.popitem(last=False)
        key = line.popleft()
        # The namespace goes to the end, so the next key is another namespace's.
        if line:
            self._by_namespace[namespace] = line
        self._waiting.discard(key)
        self._working.add(key)
        return key

    def _fire(self) -> None:
        now = self._clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, _, timed = heapq.heappop(self._timers)
            if not isinstance(timed, Key):
                timed()
            # A timer that was replaced by a shorter one stays in the heap and is skipped here.
            elif self._due.get(timed) == due:
                del self._due[timed]
                self.add(timed)

    async def _sleep(self) -> None:
        wait = max(0.0, self._timers[0][0] - self._clock.monotonic()) if self._timers else None
        try:
            async with asyncio.timeout(wait):
                await self._changed.wait()
        except TimeoutError:
            return
