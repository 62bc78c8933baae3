"""kill -9, or a pause, at every call of an upload and of a delivery.

There is one file, one batch and one object, all of them whole.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.control_plane import ControlPlane
from tests.crash.conftest import Played
from tests.crash.runs import Run
from tests.crash.scenarios import Scenario
from tests.crash.storage_scenarios import OF_A_TRANSFER
from tests.crash.tables import TRANSFERS, TRANSFERS_OF_A_LEADER

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def run(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("transfers")
    with Run(control_plane, directory, TRANSFERS, runners=2, report=print) as one:
        yield one


@pytest.mark.parametrize(
    "scenario", OF_A_TRANSFER, ids=lambda scenario: scenario.name.replace(" ", "-")
)
def test_p10_a_controller_that_is_killed_anywhere_copies_everything_once(
    run: Run, scenario: Scenario, played: Played
) -> None:
    results = played(run, scenario)
    assert results, "a scenario has steps"
    assert [result for result in results if not result.good] == []


def test_p06_an_old_leader_that_wakes_up_in_a_transfer_changes_nothing_and_ends(
    control_plane: ControlPlane, tmp_path: Path, played: Played
) -> None:
    table = TRANSFERS_OF_A_LEADER
    with Run(control_plane, tmp_path, table, runners=2, report=print) as run:
        results = played(run, table.scenarios[0])
    assert results, "a scenario has steps"
    assert [result for result in results if not result.good] == []
