"""Tables are played by the code of `python -m benchmarks.crash`, and shown by tests that fail.

`make test` plays one life of the controller whole and a few rows of every other one, chosen by the
seed in pytest's header; `make test-all` plays all.
"""

import random
import sys
from collections.abc import Callable

import pytest

from benchmarks.crash import report
from benchmarks.crash.lives import OF_A_CONTROLLER, Life
from benchmarks.crash.rows import Verdict
from benchmarks.crash.runs import Run, Selection
from benchmarks.crash.tables import CONTROLLER
from tests.conftest import sample_seed

Played = Callable[[Run, Life], list[Verdict]]


SAMPLE = 2
"""Rows of a life."""


@pytest.fixture
def played(request: pytest.FixtureRequest) -> Played:
    """`played(run, life)` → the verdicts of its rows: of all, or of a sample."""
    exhaustive = request.config.getoption("exhaustive")
    whole = random.Random(sample_seed()).choice(OF_A_CONTROLLER)

    def play(run: Run, life: Life) -> list[Verdict]:
        all_rows = exhaustive or (life is whole and run.table is CONTROLLER)
        sample = None if all_rows else SAMPLE
        verdicts = run.verdicts(Selection(life=life.name, sample=sample, seed=sample_seed()))
        sys.stdout.write(f"{report.table(verdicts)}\n{report.totals(verdicts)}\n")
        return verdicts

    return play
