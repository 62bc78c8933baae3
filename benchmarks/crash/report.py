"""Verdicts as a table for people, with the two totals, and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
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
    """One part for each life: a line for each step, a column for each moment."""
    lines = []
    for life, part in groupby(verdicts, lambda verdict: verdict.life):
        lines += ["", f"{life:<32}" + "".join(f"{moment:<16}" for moment in Moment)]
        for step, cells in groupby(part, lambda verdict: verdict.step):
            by_moment = {cell.moment: _cell(cell) for cell in cells}
            lines.append(f"  {step:<30}" + "".join(f"{by_moment.get(m, ''):<16}" for m in Moment))
    return "\n".join([*(text.rstrip() for text in lines), ""])


def write_json(path: Path, verdicts: Sequence[Verdict]) -> None:
    """`{"totals": …, "rows": […]}`."""
    rows = [asdict(verdict) for verdict in verdicts]
    path.write_text(json.dumps({"totals": totals(verdicts), "rows": rows}, indent=2) + "\n")


def _cell(verdict: Verdict) -> str:
    if verdict.good:
        return f"ok {verdict.seconds:.1f} s"
    return "DUPLICATE" if verdict.duplicates else "LOST"
