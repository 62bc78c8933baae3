"""What a person and a program read of a run."""

import json
from pathlib import Path

from benchmarks.crash.journal import Moment, Step
from benchmarks.crash.lives import Life
from benchmarks.crash.report import table, totals, write_json
from benchmarks.crash.rows import Row, Verdict

LIFE = Life("complete", ())
CREATE, NAME = Step("batches.create", 1), Step("status name", 2)
GOOD = Verdict(Row("killed", LIFE, CREATE, Moment.BEFORE), "", 0, 1.25)
LOST = Verdict(Row("killed", LIFE, CREATE, Moment.SENT), "AssertionError: waited", 0, 40.0)
TWICE = Verdict(Row("killed", LIFE, NAME, Moment.ANSWERED), "AssertionError: two", 1, 2.0)


def test_the_totals_count_duplicates_and_lost_jobs() -> None:
    assert totals([GOOD]) == "1 rows; unreported duplicates: 0, lost jobs: 0"
    assert totals([GOOD, LOST, TWICE]) == "3 rows; unreported duplicates: 1, lost jobs: 2"


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
    assert [row["unreportedDuplicates"] for row in content["rows"]] == [0, 1]
    assert content["rows"][0]["step"] == "batches.create"
