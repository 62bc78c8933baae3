"""How far a job has come at the gate."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from gemini_operator.api.names import normalise_model
from gemini_operator.controller.gate.groups import Group
from gemini_operator.controller.gate.lanes import Turn
from gemini_operator.controller.job import Job, Key, KeyRef


class State(Enum):
    """The steps from the line to Google's answer."""

    OUT = auto()
    WAITING = auto()
    CALLED = auto()
    """A place is kept for it; its pass is asked for."""
    GOING = auto()
    """It was told to go; its write-ahead has not been seen yet, and the place is still kept."""
    SENT = auto()
    """Its write-ahead holds the place now; Google's answer is still to come."""


KEPT = (State.CALLED, State.GOING)
UNSENT = (State.WAITING, State.CALLED)


@dataclass
class Standing:
    """
    One job at the gate.

    Args:
        ref: where its key comes from.
        group: the key that it waits for, or that its create is sent with.
        model: normalised.
        turn: its order in the line.
        late: it was called and has been reminded once.
    """

    ref: KeyRef
    group: Group
    model: str
    turn: Turn
    state: State = State.OUT
    late: bool = False

    @property
    def key(self) -> Key:
        return self.turn.key

    @property
    def keeps(self) -> bool:
        """Whether a place is kept for it that no status shows yet."""
        return self.state in KEPT

    def become(self, state: State) -> None:
        """Change its state, and what its key counts with it."""
        self.group.discard(self.model, self.turn)
        kept = (state in KEPT) - self.keeps
        if kept:
            self.group.hold(self.ref.namespace, kept)
        if state is State.WAITING:
            self.group.add(self.model, self.turn)
        self.state, self.late = state, False

    def release(self) -> None:
        """It tries no more on behalf of others."""
        for line in self.group.closed(self.model):
            line.release(self.key)

    def move(self, group: Group) -> None:
        """Its key is another one: it stands outside there."""
        self.release()
        self.become(State.OUT)
        self.group = group


class Standings:
    """Every job at the gate, by itself and by the Secret of its key."""

    def __init__(self) -> None:
        self._all: dict[Key, Standing] = {}
        self._by_ref: defaultdict[KeyRef, dict[Key, Standing]] = defaultdict(dict)

    def __iter__(self) -> Iterator[Standing]:
        return iter(tuple(self._all.values()))

    def __getitem__(self, key: Key) -> Standing:
        return self._all[key]

    def get(self, key: Key | None) -> Standing | None:
        return None if key is None else self._all.get(key)

    def of(self, ref: KeyRef) -> tuple[Standing, ...]:
        """Those whose key is in the Secret `ref`."""
        return tuple(self._by_ref.get(ref, {}).values())

    @contextmanager
    def moving(self, group: Group, model: str | None = None) -> Iterator[None]:
        """Who waits for the key, or the key and model, waits in another line after this."""
        everybody = (one for ref in group.refs for one in self.of(ref))
        moved = [one for one in everybody if one.group is group and one.state in UNSENT]
        moved = [one for one in moved if model in (None, one.model)]
        for one in moved:
            one.become(State.OUT)
        yield
        for one in moved:
            one.become(State.WAITING)

    def enter(self, job: Job, ref: KeyRef, group: Group) -> Standing:
        """The standing of `job`, which is out, at the key `group`, if it is new."""
        one = self._all.get(job.key)
        if one is None:
            one = Standing(ref, group, normalise_model(job.spec.model), Turn(job.created, job.key))
            self._all[job.key] = self._by_ref[ref][job.key] = one
        return one

    def pop(self, key: Key) -> Standing | None:
        """Take a job out of the register."""
        one = self._all.pop(key, None)
        if one is not None:
            of_ref = self._by_ref[one.ref]
            del of_ref[key]
            if not of_ref:
                del self._by_ref[one.ref]
        return one
