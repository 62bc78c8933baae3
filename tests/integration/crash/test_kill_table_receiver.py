"""kill -9 at every outward call of the receiver: the job still ends, called back again or not."""

from pathlib import Path

import pytest

from benchmarks.crash.runs import Run
from benchmarks.crash.tables import CALLED_AGAIN, NEVER_CALLED_AGAIN, Table
from local.control_plane import ControlPlane
from tests.integration.crash.conftest import Played

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("table", [CALLED_AGAIN, NEVER_CALLED_AGAIN], ids=["again", "never-again"])
def test_a_receiver_that_is_killed_anywhere_loses_nothing(
    control_plane: ControlPlane, tmp_path: Path, table: Table, played: Played
) -> None:
    with Run(control_plane, tmp_path, table, lanes=1, report=print) as run:
        verdicts = played(run, table.lives[0])
    assert {str(verdict.row.step) for verdict in verdicts} <= {"jwks", "jwks #2", "status event"}
    assert verdicts, "a life has steps"
    assert [verdict for verdict in verdicts if not verdict.good] == []
