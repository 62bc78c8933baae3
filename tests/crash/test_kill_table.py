"""kill -9 at every outward call of a job's life: one kept batch, a true end, nothing left behind.

The steps are found by living a scenario undisturbed, so the cases are not known before: one test each
for a scenario, which shows its table when it fails.
"""

from collections.abc import Iterator

import pytest

from local.control_plane import ControlPlane
from tests.crash.conftest import Played
from tests.crash.runs import Run
from tests.crash.scenarios import OF_A_CONTROLLER, Scenario
from tests.crash.tables import CONTROLLER

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def run(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("controller")
    with Run(control_plane, directory, CONTROLLER, runners=2, report=print) as one:
        yield one


@pytest.mark.parametrize(
    "scenario", OF_A_CONTROLLER, ids=lambda scenario: scenario.name.replace(" ", "-")
)
def test_a_controller_that_is_killed_anywhere_loses_and_doubles_nothing(
    run: Run, scenario: Scenario, played: Played
) -> None:
    results = played(run, scenario)
    assert results, "a scenario has steps"
    assert [result for result in results if not result.good] == []
