"""How far a job has come at the gate."""

from dataclasses import dataclass
from enum import Enum, auto

from gemini_operator.controller.groups import Group
from gemini_operator.controller.job import Key, KeyRef
from gemini_operator.controller.lines import Line, Turn


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

    def line(self, group: Group) -> Line:
        return group.line(self.model)

    def become(self, group: Group, state: State) -> None:
        """Change its state, and what `group` counts with it."""
        line = self.line(group)
        line.discard(self.turn)
        line.called.discard(self.key)
        kept = (state in KEPT) - self.keeps
        if kept:
            group.hold(self.ref.namespace, kept)
        if state is State.WAITING:
            line.add(self.turn)
        elif state is State.CALLED:
            line.called.add(self.key)
        self.state, self.late = state, False
