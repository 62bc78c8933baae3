"""Tables are played by the code of `make crash`, and shown by tests that fail.

`make test` plays one scenario of the controller whole and a few cases of every other one, chosen by the
seed in pytest's header; `make test-all` plays all.
"""

import random
import sys
from collections.abc import Callable

import pytest

from tests.conftest import sample_seed
from tests.crash import report
from tests.crash.cases import CaseResult
from tests.crash.runs import Run, Selection
from tests.crash.scenarios import OF_A_CONTROLLER, Scenario
from tests.crash.tables import CONTROLLER

Played = Callable[[Run, Scenario], list[CaseResult]]


SAMPLE = 2
"""Cases of a scenario."""


@pytest.fixture
def played(request: pytest.FixtureRequest) -> Played:
    """`played(run, scenario)` → the verdicts of its cases: of all, or of a sample."""
    exhaustive = request.config.getoption("exhaustive")
    whole = random.Random(sample_seed()).choice(OF_A_CONTROLLER)

    def play(run: Run, scenario: Scenario) -> list[CaseResult]:
        all_cases = exhaustive or (scenario is whole and run.table is CONTROLLER)
        sample = None if all_cases else SAMPLE
        results = run.results(Selection(scenario=scenario.name, sample=sample, seed=sample_seed()))
        sys.stdout.write(f"{report.table(results)}\n{report.totals(results)}\n")
        return results

    return play
