"""One row: a whole life with one strike in it, and the verdict."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from benchmarks.crash.acts import Act
from benchmarks.crash.journal import Moment, Step
from benchmarks.crash.lives import Life
from benchmarks.crash.scene import PATIENCE, Scene
from benchmarks.crash.stage import Stage
from local.errors import LocalError
from tests.waiting import eventually


@dataclass(frozen=True)
class Row:
    """A strike, in which life, in which table."""

    table: str
    life: Life
    step: Step
    moment: Moment

    def __str__(self) -> str:
        return f"{self.table}; {self.life.name}: {self.step}, {self.moment}"


@dataclass(frozen=True)
class Verdict:
    """
    What came of a row.

    Args:
        problem: why the life was lost or what was wrong with it; empty when nothing was.
        duplicates: batches that were paid beyond what the life takes, and not reported.
        seconds: how long it took, restarts included.
    """

    row: Row
    problem: str
    duplicates: int
    seconds: float

    @property
    def good(self) -> bool:
        return not self.problem and not self.duplicates

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        row = self.row
        return {
            "table": row.table,
            "life": row.life.name,
            "step": str(row.step),
            "moment": row.moment.value,
            "problem": self.problem,
            "unreportedDuplicates": self.duplicates,
            "seconds": self.seconds,
        }


def undisturbed(stage: Stage, life: Life) -> tuple[Step, ...]:
    """
    The steps of `life`, in order.

    Raises:
        AssertionError: it is not even lived when nobody disturbs it.
        Void: the stage broke down.
    """
    scene = _scene(stage)
    _live(scene, life.before)
    first = len(_quiet(stage)) if life.before else 0
    _live(scene, life.acts)
    last = len(_quiet(stage))
    _live(scene, life.after)
    assert scene.creates == life.creates, f"{scene.creates} batches were created"
    return stage.roads.steps[first:last]


def play(stage: Stage, row: Row, *, patience: float = PATIENCE) -> Verdict:
    """
    Live `row.life` with the strike; whatever goes wrong is in the verdict.

    Raises:
        Void: it says nothing.
    """
    begun = time.monotonic()
    scene = _scene(stage, patience)
    stage.set_trap(row.step, row.moment)
    problem, reported = "", 0
    try:
        _live(scene, (*row.life.before, *row.life.acts))
        stage.mend(scene, row.life.creates)
        reported = scene.reported_duplicates()
        _live(scene, row.life.after)
    except (AssertionError, LocalError, LookupError, RuntimeError) as error:
        problem = f"{type(error).__name__}: {error}"
        reported = scene.reported_duplicates()
    duplicates = max(0, scene.creates - row.life.creates - reported)
    return Verdict(row, problem, duplicates, round(time.monotonic() - begun, 2))


def _live(scene: Scene, acts: Iterable[Act]) -> None:
    for act in acts:
        act(scene)


def _scene(stage: Stage, patience: float = PATIENCE) -> Scene:
    name = f"job-{token_hex(4)}"
    stage.roads.open(name)
    return Scene(stage, name, patience=patience)


def _quiet(stage: Stage) -> tuple[Step, ...]:
    """The steps so far, once none has been added for a moment: Events are posted beside the work."""
    seen = [-1]

    def still() -> bool:
        seen.append(len(stage.roads.steps))
        return seen[-1] == seen[-2]

    eventually(still, interval=0.3, what="the calls to end")
    return stage.roads.steps
