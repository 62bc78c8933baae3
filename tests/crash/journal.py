"""What was called, in order, and the trap that springs at one of the calls."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Moment(StrEnum):
    """When the trap springs, seen from the process that calls."""

    BEFORE = "before"
    """The request has left the process and reached nobody."""
    SENT = "sent"
    """It was carried out, and its answer is on the way."""
    ANSWERED = "answered"
    """The answer has arrived, and nothing was done about it yet."""


class NthCall(NamedTuple):
    """The `occurrence`-th call of that name in a scenario, counted from 1."""

    name: str
    occurrence: int

    def __str__(self) -> str:
        return self.name if self.occurrence == 1 else f"{self.name} #{self.occurrence}"


class Struck(Exception):
    """The process was killed: nobody waits for the answer."""


Strike = Callable[[], asyncio.Event | None]
"""Does it, at that instant; answers with an event that the call then waits for, or with None when
the caller is dead."""


@dataclass
class Trap:
    """Springs once."""

    nth_call: NthCall
    moment: Moment
    strike: Strike
    sprung: bool = False


@dataclass
class Journal:
    """The calls about one job, since `open`. It is written in one thread, and read in others."""

    subject: str = ""
    calls: list[NthCall] = field(default_factory=list)
    trap: Trap | None = None
    under_way: set[NthCall] = field(default_factory=set)
    _counts: Counter[str] = field(default_factory=Counter)

    def open(self, subject: str) -> None:
        """From here on the calls of another job count; what still comes of earlier ones does not."""
        self.subject = subject
        self.calls = []
        self.trap = None
        self.under_way = set()
        self._counts = Counter()

    def enter(self, name: str, subject: str | None) -> NthCall | None:
        """A call begins; None when it is about something else."""
        if subject not in (None, self.subject):
            return None
        self._counts[name] += 1
        nth_call = NthCall(name, self._counts[name])
        self.calls.append(nth_call)
        self.under_way.add(nth_call)
        return nth_call

    def leave(self, nth_call: NthCall | None) -> None:
        """A call is over, for whatever reason."""
        if nth_call is not None:
            self.under_way.discard(nth_call)

    async def reach(self, nth_call: NthCall | None, moment: Moment) -> None:
        """
        A call has come to that moment.

        Raises:
            Struck: the process is dead.
        """
        trap = self.trap
        if trap is None or trap.sprung or (trap.nth_call, trap.moment) != (nth_call, moment):
            return
        trap.sprung = True
        resumed = trap.strike()
        if resumed is None:
            raise Struck
        await resumed.wait()
