"""kill -9 at every outward call of the receiver: the job still ends, called back again or not."""

from pathlib import Path

import pytest

from local.control_plane import ControlPlane
from tests.crash.conftest import Played
from tests.crash.runs import Run
from tests.crash.tables import CALLED_AGAIN, NEVER_CALLED_AGAIN, Table

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("table", [CALLED_AGAIN, NEVER_CALLED_AGAIN], ids=["again", "never-again"])
def test_a_receiver_that_is_killed_anywhere_loses_nothing(
    *,
    control_plane: ControlPlane,
    tmp_path: Path,
    table: Table,
    played: Played,
    request: pytest.FixtureRequest,
) -> None:
    with Run(control_plane, tmp_path, table, runners=1, report=print) as run:
        results = played(run, table.scenarios[0])
    struck, calls = {str(r.case.nth_call) for r in results}, {"jwks", "jwks #2", "status event"}
    assert struck == calls if request.config.getoption("exhaustive") else struck <= calls
    assert results, "a scenario has steps"
    assert [result for result in results if not result.good] == []
