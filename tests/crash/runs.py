"""A run: the calls of every scenario are found, then every case is played, on several environments at once."""

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

from local.control_plane import ControlPlane
from tests.crash.cases import Case, CaseResult, play, undisturbed
from tests.crash.environment import Environment, Void
from tests.crash.journal import Moment, NthCall
from tests.crash.scenarios import Scenario
from tests.crash.tables import Table

Report = Callable[[str], None]
T = TypeVar("T")

TRIES = 6
"""For a case that was void."""


@dataclass(frozen=True)
class Selection:
    """
    Which cases; None means all.

    Args:
        sample: so many cases of each scenario, chosen by `seed`.
    """

    scenario: str | None = None
    nth_call: str | None = None
    moment: str | None = None
    sample: int | None = None
    seed: int = 0

    def has(self, case: Case) -> bool:
        asked = (self.scenario, self.nth_call, self.moment)
        given = (case.scenario.name, str(case.nth_call), case.moment.value)
        return all(want in (None, have) for want, have in zip(asked, given, strict=True))

    def of(self, scenario: Scenario, cases: list[Case]) -> list[Case]:
        """The selected ones of all cases of `scenario`, in their order."""
        wanted = [case for case in cases if self.has(case)]
        if self.sample is None or self.sample >= len(wanted):
            return wanted
        chance = random.Random(f"{self.seed} {scenario.name}")
        chosen = sorted(chance.sample(range(len(wanted)), self.sample))
        return [wanted[number] for number in chosen]


ALL = Selection()


class Runner:
    """One environment after another: a case that went wrong leaves nothing to the next one."""

    def __init__(self, plane: ControlPlane, directory: Path, table: Table) -> None:
        numbers = count(1)
        self._make: Callable[[], Environment] = lambda: table.environment(
            plane, directory / str(next(numbers))
        )
        self._stack = ExitStack()
        self._environment: Environment | None = None

    def use(self, work: Callable[[Environment], T]) -> T:
        """Do it on the environment, which stays unless it is spoilt."""
        environment = self._environment or self._stack.enter_context(self._make())
        self._environment = environment
        try:
            return work(environment)
        except BaseException:
            environment.spoilt = True
            raise
        finally:
            if environment.spoilt:
                self.close()

    def close(self) -> None:
        self._environment = None
        self._stack.close()


class Run:
    """
    Plays one table; its environments last from the first case to the end of the context.

    Args:
        plane: the API server of all environments.
        directory: for logs and state.
        table: what is played.
        runners: how many environments there are at once.
        report: is told of every case, and of what a lost scenario has left.
    """

    def __init__(
        self, plane: ControlPlane, directory: Path, table: Table, *, runners: int, report: Report
    ) -> None:
        self.table = table
        self._runners: queue.SimpleQueue[Runner] = queue.SimpleQueue()
        self._count = runners
        self._report = report
        stem = table.name.replace(",", "").replace(" ", "-")
        for number in range(runners):
            self._runners.put(Runner(plane, directory / f"{stem}-{number}", table))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _ in range(self._count):
            self._runners.get().close()

    def results(self, selection: Selection = ALL) -> list[CaseResult]:
        """
        Those of all selected cases, in the order of the table.

        Raises:
            AssertionError: a scenario is not lived even when nobody disturbs it.
        """
        scenarios = [
            scenario
            for scenario in self.table.scenarios
            if selection.scenario in (None, scenario.name)
        ]
        with ThreadPoolExecutor(self._count) as pool:
            sure = selection.sample is None
            found = zip(
                scenarios,
                pool.map(lambda scenario: self._calls(scenario, sure), scenarios),
                strict=True,
            )
            cases = [
                case
                for scenario, calls in found
                for case in selection.of(scenario, self._cases(scenario, calls))
            ]
            return list(pool.map(self._play, cases))

    def _calls(self, scenario: Scenario, sure: bool) -> tuple[NthCall, ...]:
        """
        Those of an undisturbed run.

        `sure`: those that two runs in a row have; a slow moment may add a read, which no other run
        has, and whose case is void then.
        """

        def look() -> tuple[NthCall, ...]:
            return self._in_an_environment(lambda environment: undisturbed(environment, scenario))

        found = twice(look) if sure else look()
        return tuple(nth_call for nth_call in found if nth_call.name not in self.table.without)

    def _cases(self, scenario: Scenario, calls: tuple[NthCall, ...]) -> list[Case]:
        return [Case(self.table.name, scenario, nth_call, m) for nth_call in calls for m in Moment]

    def _play(self, case: Case) -> CaseResult:
        try:
            result = self._in_an_environment(lambda environment: self._watched(environment, case))
        except Void as void:
            result = CaseResult(case, f"{TRIES} tries: {void}", 0, 0.0)
        self._report(line(result))
        return result

    def _watched(self, environment: Environment, case: Case) -> CaseResult:
        result = play(environment, case)
        if not result.good:
            environment.spoilt = True
            self._report(environment.story())
        return result

    def _in_an_environment(self, work: Callable[[Environment], T]) -> T:
        """What is void is tried again, on another environment."""
        for tries_left in reversed(range(TRIES)):
            with self._free_runner() as runner:
                try:
                    return runner.use(work)
                except Void as void:
                    self._report(f"again, because {void}")
                    if not tries_left:
                        raise
        raise AssertionError("unreachable")

    @contextmanager
    def _free_runner(self) -> Iterator[Runner]:
        runner = self._runners.get()
        try:
            yield runner
        finally:
            self._runners.put(runner)


def twice(look: Callable[[], tuple[NthCall, ...]]) -> tuple[NthCall, ...]:
    """The calls that `look` finds twice in a row; what all looks have, if they never agree."""
    common = look()
    for _ in range(TRIES):
        found = look()
        if set(found) == set(common):
            break
        common = tuple(nth_call for nth_call in found if nth_call in common)
    return common


def line(result: CaseResult) -> str:
    """A verdict on one line, said as soon as it is there."""
    bad = f"{result.duplicates} unreported duplicates; {result.problem}"
    return f"{result.seconds:6.1f} s  {result.case}: {'ok' if result.good else bad}"
