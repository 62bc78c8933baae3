"""One case: a whole scenario with one strike in it, and the verdict."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from local.errors import LocalError
from tests.crash.environment import Environment
from tests.crash.job import PATIENCE, JobUnderTest
from tests.crash.journal import Moment, NthCall
from tests.crash.scenarios import Scenario
from tests.crash.steps import Step
from tests.waiting import eventually


@dataclass(frozen=True)
class Case:
    """A strike, in which scenario, in which table."""

    table: str
    scenario: Scenario
    nth_call: NthCall
    moment: Moment

    def __str__(self) -> str:
        return f"{self.table}; {self.scenario.name}: {self.nth_call}, {self.moment}"


@dataclass(frozen=True)
class CaseResult:
    """
    What came of a case.

    Args:
        problem: why the scenario was lost or what was wrong with it; empty when nothing was.
        duplicates: batches that were paid beyond what the scenario takes, and not reported.
        seconds: how long it took, restarts included.
    """

    case: Case
    problem: str
    duplicates: int
    seconds: float

    @property
    def good(self) -> bool:
        return not self.problem and not self.duplicates

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        case = self.case
        return {
            "table": case.table,
            "scenario": case.scenario.name,
            "call": str(case.nth_call),
            "moment": case.moment.value,
            "problem": self.problem,
            "unreportedDuplicates": self.duplicates,
            "seconds": self.seconds,
        }


def undisturbed(environment: Environment, scenario: Scenario) -> tuple[NthCall, ...]:
    """
    The steps of `scenario`, in order.

    Raises:
        AssertionError: it is not even lived when nobody disturbs it.
        Void: the environment broke down.
    """
    job = _job(environment)
    _run_steps(job, scenario.before)
    first = len(_quiet(environment)) if scenario.before else 0
    _run_steps(job, scenario.steps)
    last = len(_quiet(environment))
    _run_steps(job, scenario.after)
    assert job.creates == scenario.creates, f"{job.creates} batches were created"
    return environment.routes.calls[first:last]


def play(environment: Environment, case: Case, *, patience: float = PATIENCE) -> CaseResult:
    """
    Live `case.scenario` with the strike; whatever goes wrong is in the verdict.

    Raises:
        Void: it says nothing.
    """
    begun = time.monotonic()
    job = _job(environment, patience)
    environment.set_trap(case.nth_call, case.moment)
    problem, reported = "", 0
    try:
        _run_steps(job, (*case.scenario.before, *case.scenario.steps))
        environment.mend(job, case.scenario.creates)
        reported = job.reported_duplicates()
        _run_steps(job, case.scenario.after)
    except (AssertionError, LocalError, LookupError, RuntimeError) as error:
        problem = f"{type(error).__name__}: {error}"
        reported = job.reported_duplicates()
    duplicates = max(0, job.creates - case.scenario.creates - reported)
    return CaseResult(case, problem, duplicates, round(time.monotonic() - begun, 2))


def _run_steps(job: JobUnderTest, steps: Iterable[Step]) -> None:
    for step in steps:
        step(job)


def _job(environment: Environment, patience: float = PATIENCE) -> JobUnderTest:
    name = f"job-{token_hex(4)}"
    environment.routes.open(name)
    return JobUnderTest(environment, name, patience=patience)


def _quiet(environment: Environment) -> tuple[NthCall, ...]:
    """The steps so far, once none has been added for a moment: Events are posted beside the work."""
    seen = [-1]

    def still() -> bool:
        seen.append(len(environment.routes.calls))
        return seen[-1] == seen[-2]

    eventually(still, interval=0.3, what="the calls to end")
    return environment.routes.calls
