"""What a person and a program read of a run."""

import json
from pathlib import Path

from tests.crash.cases import Case, CaseResult
from tests.crash.journal import Moment, NthCall
from tests.crash.report import table, totals, write_json
from tests.crash.scenarios import Scenario

LIFE = Scenario("complete", ())
CREATE, NAME = NthCall("batches.create", 1), NthCall("status name", 2)
GOOD = CaseResult(Case("killed", LIFE, CREATE, Moment.BEFORE), "", 0, 1.25)
LOST = CaseResult(Case("killed", LIFE, CREATE, Moment.SENT), "AssertionError: waited", 0, 40.0)
TWICE = CaseResult(Case("killed", LIFE, NAME, Moment.ANSWERED), "AssertionError: two", 1, 2.0)


def test_the_totals_count_duplicates_and_lost_jobs() -> None:
    assert totals([GOOD]) == "1 cases; unreported duplicates: 0, lost jobs: 0"
    assert totals([GOOD, LOST, TWICE]) == "3 cases; unreported duplicates: 1, lost jobs: 2"


def test_a_step_is_a_line_and_a_moment_a_column() -> None:
    name, head, create, named = table([GOOD, LOST, TWICE]).splitlines()[1:]
    assert name == "killed"
    assert head.split() == ["complete", "before", "sent", "answered"]
    assert create.split() == ["batches.create", "ok", "1.2", "s", "LOST"]
    assert named.split() == ["status", "name", "#2", "DUPLICATE"]
    assert named.index("DUPLICATE") == head.index("answered")


def test_json_holds_every_row(tmp_path: Path) -> None:
    file = tmp_path / "crash.json"
    write_json(file, [GOOD, TWICE])
    content = json.loads(file.read_text())
    assert content["totals"] == totals([GOOD, TWICE])
    assert [case["unreportedDuplicates"] for case in content["cases"]] == [0, 1]
    assert content["cases"][0]["call"] == "batches.create"
