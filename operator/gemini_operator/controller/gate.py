"""Who may send a create now: a key and model that Google throttles wait together, in a line.

The limits are the key's and the model's, so it is them, not the job, that back off (protocol P10).
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gemini_operator.controller.clock import Clock
from gemini_operator.controller.job import Key

BASE = 5.0
CAP = 300.0
HEAD_TRIES = 3


class Place(NamedTuple):
    """A job's place in a line: first come, first served, the same after a restart."""

    turn: int
    created: datetime
    key: Key


@dataclass
class Refusal:
    """Google refuses the key itself: nobody tries it again for a while."""

    message: str
    until: float
    failures: int


@dataclass
class _Line:
    opens: float = 0.0
    failures: int = 0
    tried: Key | None = None
    tries: int = 0
    waiting: dict[Key, Place] = field(default_factory=dict)

    def head(self) -> Key | None:
        return min(self.waiting.values()).key if self.waiting else None

    def blame(self, key: Key) -> None:
        """Count a failure of the head; after three in a row it goes to the end."""
        if key != self.head():
            return
        self.tries = self.tries + 1 if key == self.tried else 1
        self.tried = key
        if self.tries >= HEAD_TRIES:
            self.tries = 0
            last = max(self.waiting.values()).turn
            self.waiting[key] = self.waiting[key]._replace(turn=last + 1)


class Gate:
    """
    One line per (key group, model), which exists only while that pair is throttled.

    Args:
        clock: times the back-off.
        wake: asks for a pass over a job that may go on.
        rng: jitter.
    """

    def __init__(
        self, clock: Clock, wake: Callable[[Key], None], rng: random.Random | None = None
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self._lines: dict[tuple[str, str], _Line] = {}
        self._refusals: dict[str, Refusal] = {}

    def refusal(self, group: str) -> Refusal | None:
        """Why the key must not be tried now, or `None`."""
        refusal = self._refusals.get(group)
        if refusal is None or refusal.until <= self._clock.monotonic():
            return None
        return refusal

    def refused(self, group: str, message: str) -> None:
        """Google refused the key: back off, longer each time."""
        known = self._refusals.get(group)
        failures = known.failures + 1 if known else 1
        until = self._clock.monotonic() + self._backoff(failures)
        self._refusals[group] = Refusal(message, until, failures)

    def wait(self, group: str, model: str, key: Key, created: datetime) -> float | None:
        """Seconds until `key` should ask again, or `None` when it may send a create now."""
        self._leave(key, keep=(group, model))
        line = self._lines.get((group, model))
        if line is None:
            return None
        line.waiting.setdefault(key, Place(0, created, key))
        remaining = line.opens - self._clock.monotonic()
        if remaining > 0:
            return remaining
        return None if line.head() == key else BASE

    def throttled(
        self, group: str, model: str, key: Key, created: datetime, retry_after: float | None
    ) -> float:
        """Google said 429 to `key`: close the line; returns the seconds until it opens."""
        line = self._lines.setdefault((group, model), _Line())
        line.waiting.setdefault(key, Place(0, created, key))
        line.failures += 1
        line.blame(key)
        delay = max(self._backoff(line.failures), retry_after or 0.0)
        line.opens = self._clock.monotonic() + delay
        head = line.head()
        if head is not None and head != key:
            self._wake(head)
        return delay

    def passed(self, group: str, model: str) -> None:
        """A create was neither throttled nor refused for its key: everybody may go."""
        self._refusals.pop(group, None)
        line = self._lines.pop((group, model), None)
        for key in line.waiting if line else ():
            self._wake(key)

    def leave(self, key: Key) -> None:
        """The job is gone or has another state: it waits in no line."""
        self._leave(key, keep=None)

    def _leave(self, key: Key, keep: tuple[str, str] | None) -> None:
        for place, line in self._lines.items():
            if place != keep:
                line.waiting.pop(key, None)

    def _backoff(self, failures: int) -> float:
        ceiling = min(CAP, BASE * 2 ** min(failures - 1, 10))
        return self._rng.uniform(ceiling / 2, ceiling)
