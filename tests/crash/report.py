"""Verdicts as a table for people, with the two totals, and as JSON."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from tests.crash.cases import CaseResult
from tests.crash.journal import Moment


def totals(results: Iterable[CaseResult]) -> str:
    """The sentence that matters."""
    found = list(results)
    duplicates = sum(result.duplicates for result in found)
    lost = sum(bool(result.problem) for result in found)
    return f"{len(found)} cases; unreported duplicates: {duplicates}, lost jobs: {lost}"


def table(results: Sequence[CaseResult]) -> str:
    """One part for each scenario of each table: a line for each step, a column for each moment."""
    lines = []
    for (name, scenario), part in groupby(results, lambda v: (v.case.table, v.case.scenario.name)):
        lines += ["", name, _line(scenario, Moment)]
        for nth_call, cells in groupby(part, lambda v: v.case.nth_call):
            by_moment = {cell.case.moment: _cell(cell) for cell in cells}
            lines.append(_line(f"  {nth_call}", (by_moment.get(moment, "") for moment in Moment)))
    return "\n".join([*lines, ""])


def write_json(path: Path, results: Sequence[CaseResult]) -> None:
    """`{"totals": …, "cases": […]}`."""
    content = {"totals": totals(results), "cases": [result.dump() for result in results]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _line(first: str, others: Iterable[str]) -> str:
    return (f"{first:<32}" + "".join(f"{text:<16}" for text in others)).rstrip()


def _cell(result: CaseResult) -> str:
    if result.good:
        return f"ok {result.seconds:.1f} s"
    return "DUPLICATE" if result.duplicates else "LOST"
