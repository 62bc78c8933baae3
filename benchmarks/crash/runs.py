"""A run: the steps of every life are found, then every row is played, on several stages at once."""

import queue
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from benchmarks.crash.journal import Moment, Step
from benchmarks.crash.lives import Life
from benchmarks.crash.rows import Row, Verdict, play, undisturbed
from benchmarks.crash.stage import Stage, Void
from benchmarks.crash.tables import Table
from local.control_plane import ControlPlane

Report = Callable[[str], None]
T = TypeVar("T")

TRIES = 6
"""For a row that was void."""


@dataclass(frozen=True)
class Selection:
    """
    Which rows; None means all.

    Args:
        sample: so many rows of each life, chosen by `seed`.
    """

    life: str | None = None
    step: str | None = None
    moment: str | None = None
    sample: int | None = None
    seed: int = 0

    def has(self, row: Row) -> bool:
        asked = (self.life, self.step, self.moment)
        given = (row.life.name, str(row.step), row.moment.value)
        return all(want in (None, have) for want, have in zip(asked, given, strict=True))

    def of(self, life: Life, rows: list[Row]) -> list[Row]:
        """The selected ones of all rows of `life`, in their order."""
        wanted = [row for row in rows if self.has(row)]
        if self.sample is None or self.sample >= len(wanted):
            return wanted
        chance = random.Random(f"{self.seed} {life.name}")
        chosen = sorted(chance.sample(range(len(wanted)), self.sample))
        return [wanted[number] for number in chosen]


ALL = Selection()


class Lane:
    """One stage after another: a row that went wrong leaves nothing to the next one."""

    def __init__(self, plane: ControlPlane, directory: Path, table: Table) -> None:
        numbers = count(1)
        self._make: Callable[[], Stage] = lambda: table.stage(plane, directory / str(next(numbers)))
        self._stack = ExitStack()
        self._stage: Stage | None = None

    def use(self, work: Callable[[Stage], T]) -> T:
        """Do it on the stage, which stays unless it is spoilt."""
        stage = self._stage or self._stack.enter_context(self._make())
        self._stage = stage
        try:
            return work(stage)
        except BaseException:
            stage.spoilt = True
            raise
        finally:
            if stage.spoilt:
                self.close()

    def close(self) -> None:
        self._stage = None
        self._stack.close()


class Run:
    """
    Plays one table; its stages last from the first row to the end of the context.

    Args:
        plane: the API server of all stages.
        directory: for logs and state.
        table: what is played.
        lanes: how many stages there are at once.
        report: is told of every row, and of what a lost life has left.
    """

    def __init__(
        self, plane: ControlPlane, directory: Path, table: Table, *, lanes: int, report: Report
    ) -> None:
        self.table = table
        self._lanes: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self._count = lanes
        self._report = report
        stem = table.name.replace(",", "").replace(" ", "-")
        for number in range(lanes):
            self._lanes.put(Lane(plane, directory / f"{stem}-{number}", table))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in range(self._count):
            self._lanes.get().close()

    def verdicts(self, selection: Selection = ALL) -> list[Verdict]:
        """
        Those of all selected rows, in the order of the table.

        Raises:
            AssertionError: a life is not lived even when nobody disturbs it.
        """
        lives = [life for life in self.table.lives if selection.life in (None, life.name)]
        with ThreadPoolExecutor(self._count) as pool:
            sure = selection.sample is None
            found = zip(lives, pool.map(lambda life: self._steps(life, sure), lives), strict=True)
            rows = [
                row for life, steps in found for row in selection.of(life, self._rows(life, steps))
            ]
            return list(pool.map(self._play, rows))

    def _steps(self, life: Life, sure: bool) -> tuple[Step, ...]:
        """
        Those of an undisturbed run.

        `sure`: those that two runs in a row have; a slow moment may add a read, which no other run
        has, and whose row is void then.
        """

        def look() -> tuple[Step, ...]:
            return self._on_a_stage(lambda stage: undisturbed(stage, life))

        found = twice(look) if sure else look()
        return tuple(step for step in found if step.name not in self.table.without)

    def _rows(self, life: Life, steps: tuple[Step, ...]) -> list[Row]:
        return [Row(self.table.name, life, step, m) for step in steps for m in Moment]

    def _play(self, row: Row) -> Verdict:
        try:
            verdict = self._on_a_stage(lambda stage: self._watched(stage, row))
        except Void as void:
            verdict = Verdict(row, f"{TRIES} tries: {void}", 0, 0.0)
        self._report(line(verdict))
        return verdict

    def _watched(self, stage: Stage, row: Row) -> Verdict:
        verdict = play(stage, row)
        if not verdict.good:
            stage.spoilt = True
            self._report(stage.story())
        return verdict

    def _on_a_stage(self, work: Callable[[Stage], T]) -> T:
        """What is void is tried again, on another stage."""
        for tries_left in reversed(range(TRIES)):
            with self._lane() as lane:
                try:
                    return lane.use(work)
                except Void as void:
                    self._report(f"again, because {void}")
                    if not tries_left:
                        raise
        raise AssertionError("unreachable")

    @contextmanager
    def _lane(self) -> Iterator[Lane]:
        lane = self._lanes.get()
        try:
            yield lane
        finally:
            self._lanes.put(lane)


def twice(look: Callable[[], tuple[Step, ...]]) -> tuple[Step, ...]:
    """The steps that `look` finds twice in a row; what all looks have, if they never agree."""
    common = look()
    for _ in range(TRIES):
        found = look()
        if set(found) == set(common):
            break
        common = tuple(step for step in found if step in common)
    return common


def line(verdict: Verdict) -> str:
    """A verdict on one line, said as soon as it is there."""
    bad = f"{verdict.duplicates} unreported duplicates; {verdict.problem}"
    return f"{verdict.seconds:6.1f} s  {verdict.row}: {'ok' if verdict.good else bad}"
