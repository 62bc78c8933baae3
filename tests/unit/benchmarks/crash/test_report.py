"""What a person and a program read of a run."""

import json
from pathlib import Path

from benchmarks.crash.report import table, totals, write_json
from benchmarks.crash.rows import Verdict

GOOD = Verdict("complete", "batches.create", "before", "", 0, 1.25)
LOST = Verdict("complete", "batches.create", "sent", "AssertionError: waited", 0, 40.0)
TWICE = Verdict("complete", "status name", "answered", "AssertionError: two", 1, 2.0)


def test_the_totals_count_duplicates_and_lost_jobs() -> None:
    assert totals([GOOD]) == "1 rows; unreported duplicates: 0, lost jobs: 0"
    assert totals([GOOD, LOST, TWICE]) == "3 rows; unreported duplicates: 1, lost jobs: 2"


def test_a_step_is_a_line_and_a_moment_a_column() -> None:
    lines = table([GOOD, LOST, TWICE]).splitlines()
    assert lines[1].split() == ["complete", "before", "sent", "answered"]
    assert lines[2].split() == ["batches.create", "ok", "1.2", "s", "LOST"]
    assert lines[3].split() == ["status", "name", "DUPLICATE"]
    assert lines[3].index("DUPLICATE") == lines[1].index("answered")


def test_json_holds_every_row(tmp_path: Path) -> None:
    file = tmp_path / "crash.json"
    write_json(file, [GOOD, TWICE])
    content = json.loads(file.read_text())
    assert content["totals"] == totals([GOOD, TWICE])
    assert [row["duplicates"] for row in content["rows"]] == [0, 1]
    assert content["rows"][0]["step"] == "batches.create"
