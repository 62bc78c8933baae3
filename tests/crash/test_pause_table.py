"""A leader stands still at every outward call while another one takes over, and does no harm after."""

from collections.abc import Iterator

import pytest

from local.control_plane import ControlPlane
from tests.crash.conftest import Played
from tests.crash.runs import Run
from tests.crash.scenarios import OF_A_LEADER, Scenario
from tests.crash.tables import LEADER

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def run(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("leader")
    with Run(control_plane, directory, LEADER, runners=4, report=print) as one:
        yield one


@pytest.mark.parametrize(
    "scenario", OF_A_LEADER, ids=lambda scenario: scenario.name.replace(" ", "-")
)
def test_p06_an_old_leader_that_wakes_up_changes_nothing_and_ends(
    run: Run, scenario: Scenario, played: Played
) -> None:
    results = played(run, scenario)
    assert results, "a scenario has steps"
    assert [result for result in results if not result.good] == []
