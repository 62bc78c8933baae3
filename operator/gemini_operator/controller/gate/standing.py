"""How far a job has come at the gate."""

from collections import defaultdict
from collections.abc import Iterator
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


@dataclass
class Standing:
    """
    One job at the gate.

    Args:
        ref: where its key comes from.
        model: normalised.
        turn: its order in the line.
        late: it was called and has been reminded once.
    """

    ref: KeyRef
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

    def become(self, group: Group, state: State) -> None:
        """Change its state, and what `group` counts with it."""
        group.discard(self.model, self.turn)
        kept = (state in KEPT) - self.keeps
        if kept:
            group.hold(self.ref.namespace, kept)
        if state is State.WAITING:
            group.add(self.model, self.turn)
        self.state, self.late = state, False


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

    def enter(self, job: Job, ref: KeyRef) -> Standing:
        """The standing of `job`, who is out if it is new."""
        one = self._all.get(job.key)
        if one is None:
            one = Standing(ref, normalise_model(job.spec.model), Turn(job.created, job.key))
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
