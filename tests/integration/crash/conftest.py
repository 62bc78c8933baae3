"""Tables are played by the code of `python -m benchmarks.crash`, and shown by tests that fail."""

import sys
from collections.abc import Callable

import pytest

from benchmarks.crash import report
from benchmarks.crash.lives import Life
from benchmarks.crash.rows import Verdict
from benchmarks.crash.runs import Run, Selection

Played = Callable[[Run, Life], list[Verdict]]


@pytest.fixture
def played() -> Played:
    """`played(run, life)` → the verdicts of every row."""

    def play(run: Run, life: Life) -> list[Verdict]:
        verdicts = run.verdicts(Selection(life=life.name))
        sys.stdout.write(f"{report.table(verdicts)}\n{report.totals(verdicts)}\n")
        return verdicts

    return play
