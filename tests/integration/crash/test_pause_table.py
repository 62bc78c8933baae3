"""A leader stands still at every outward call while another one takes over, and does no harm after."""

from collections.abc import Iterator

import pytest

from benchmarks.crash.lives import OF_A_LEADER, Life
from benchmarks.crash.runs import Run
from benchmarks.crash.tables import LEADER
from local.control_plane import ControlPlane
from tests.integration.crash.conftest import Played

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def run(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("leader")
    with Run(control_plane, directory, LEADER, lanes=4, report=print) as one:
        yield one


@pytest.mark.parametrize("life", OF_A_LEADER, ids=lambda life: life.name.replace(" ", "-"))
def test_p06_an_old_leader_that_wakes_up_changes_nothing_and_ends(
    run: Run, life: Life, played: Played
) -> None:
    verdicts = played(run, life)
    assert verdicts, "a life has steps"
    assert [verdict for verdict in verdicts if not verdict.good] == []
