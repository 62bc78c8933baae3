"""Verdicts as a table for people, with the two totals, and as JSON."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.crash.journal import Moment
from benchmarks.crash.rows import Verdict


def totals(verdicts: Iterable[Verdict]) -> str:
    """The sentence that matters."""
    found = list(verdicts)
    duplicates = sum(verdict.duplicates for verdict in found)
    lost = sum(bool(verdict.problem) for verdict in found)
    return f"{len(found)} rows; unreported duplicates: {duplicates}, lost jobs: {lost}"


def table(verdicts: Sequence[Verdict]) -> str:
    """One part for each life of each table: a line for each step, a column for each moment."""
    lines = []
    for (name, life), part in groupby(verdicts, lambda v: (v.row.table, v.row.life.name)):
        lines += ["", name, _line(life, Moment)]
        for step, cells in groupby(part, lambda v: v.row.step):
            by_moment = {cell.row.moment: _cell(cell) for cell in cells}
            lines.append(_line(f"  {step}", (by_moment.get(moment, "") for moment in Moment)))
    return "\n".join([*lines, ""])


def write_json(path: Path, verdicts: Sequence[Verdict]) -> None:
    """`{"totals": …, "rows": […]}`."""
    content = {"totals": totals(verdicts), "rows": [verdict.dump() for verdict in verdicts]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def _line(first: str, others: Iterable[str]) -> str:
    return (f"{first:<32}" + "".join(f"{text:<16}" for text in others)).rstrip()


def _cell(verdict: Verdict) -> str:
    if verdict.good:
        return f"ok {verdict.seconds:.1f} s"
    return "DUPLICATE" if verdict.duplicates else "LOST"
