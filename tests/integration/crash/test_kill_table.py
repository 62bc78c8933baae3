"""kill -9 at every outward call of a job's life: one kept batch, a true end, nothing left behind.

The steps are found by living a life undisturbed, so the rows are not known before: one test each
for a life, which shows its table when it fails.
"""

from collections.abc import Iterator

import pytest

from benchmarks.crash.lives import OF_A_CONTROLLER, Life
from benchmarks.crash.runs import Run
from benchmarks.crash.tables import CONTROLLER
from local.control_plane import ControlPlane
from tests.integration.crash.conftest import Played

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def run(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("controller")
    with Run(control_plane, directory, CONTROLLER, lanes=2, report=print) as one:
        yield one


@pytest.mark.parametrize("life", OF_A_CONTROLLER, ids=lambda life: life.name.replace(" ", "-"))
def test_a_controller_that_is_killed_anywhere_loses_and_doubles_nothing(
    run: Run, life: Life, played: Played
) -> None:
    verdicts = played(run, life)
    assert verdicts, "a life has steps"
    assert [verdict for verdict in verdicts if not verdict.good] == []
