"""The table in `docs/lifecycle.md`, row by row."""

import re
from pathlib import Path

import pytest

from gemini_operator.controller.lifecycle.progress import with_progress
from tests.unit.controller.builders import a_snapshot
from tests.unit.controller.lifecycle.situations import SITUATIONS

DOCUMENT = Path(__file__).parents[4] / "docs" / "lifecycle.md"
TERMINAL = ("Complete", "Failed")


def rows() -> list[tuple[str, ...]]:
    """Situation, state, conditions, what to do; of every table in the document."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]
    return [row for row in cells if row[0] != "situation" and not set(row[0]) <= {"-"}]


def conditions(cell: str) -> dict[str, tuple[str, str]]:
    """`Failed`=True/`Cancelled` → {"Failed": ("True", "Cancelled")}."""
    found = re.findall(r"`(\w+)` (True|False) `(\w+)`", cell)
    return {kind: (value, reason) for kind, value, reason in found}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_table_tells_the_truth(row: tuple[str, ...]) -> None:
    title, state, told, to_do = row
    status = with_progress(a_snapshot(), SITUATIONS[title]())
    assert status.state == (None if state == "as before" else state.strip("`"))
    shown = {c.type: (c.status, c.reason) for c in status.conditions}
    assert conditions(told).items() <= shown.items()
    untold = {k: v for k, v in shown.items() if v[0] == "True" and k not in conditions(told)}
    derived = {"Stalled"} if "Failed" in conditions(told) else {"Reconciling"}
    assert untold.keys() <= {"Submitted"} | derived, "every condition that is True is told"
    assert to_do


def test_every_situation_is_in_the_table() -> None:
    assert {row[0] for row in rows()} == SITUATIONS.keys()


@pytest.mark.parametrize("title", SITUATIONS)
def test_complete_and_failed_exclude_each_other_and_end_the_job(title: str) -> None:
    status = SITUATIONS[title]()
    ends = [c.type for c in status.conditions if c.type in TERMINAL and c.status == "True"]
    assert len(ends) <= 1
    assert bool(ends) == (status.completion_time is not None)
    assert all(c.observed_generation == status.observed_generation for c in status.conditions[-1:])
