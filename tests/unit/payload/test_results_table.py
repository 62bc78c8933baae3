"""The table of result lines in docs/concepts.md, row by row."""

import json
import re
from pathlib import Path

import pytest

from gemini_operator.payload import json_lines
from gemini_operator.payload.matching import Request, match
from gemini_operator.payload.results import ResultKind, of_item
from tests.markdown import rows, text_of

PAGE = text_of(Path("docs/concepts.md")).split("For a request with the key `a`", 1)[1]
TABLE = [[cell.strip("`") for cell in row] for row in rows("\n## T\n" + PAGE, "## T")]


@pytest.mark.parametrize(("sent", "line", "kind"), TABLE, ids=[row[0] for row in TABLE])
def test_each_row_tells_the_truth(sent: str, line: str, kind: str) -> None:
    results = [] if sent == "nothing" else [of_item(json_lines.decode(sent.encode()))]
    matched = match([Request("a")], results)
    assert matched.counts == {ResultKind(kind): 1}
    [delivered] = matched.lines
    if "…" not in line:
        assert json.loads(delivered) == json.loads(line)
        return
    start, *middle, end = line.split("…")
    assert delivered.startswith(start)
    assert delivered.rstrip("\n").endswith(end)
    assert all(part in delivered for part in middle)


def test_every_verdict_is_in_the_table() -> None:
    assert {row[2] for row in TABLE} == {kind.value for kind in ResultKind}


def test_the_reasons_of_our_own_errors_are_named() -> None:
    named = set(re.findall(r"RESULT_\w+", PAGE))
    assert named == {f"RESULT_{kind}" for kind in ("EMPTY", "MISSING", "UNREADABLE")}
