"""Results that are copied line by line: in which pieces they come, and how they are counted."""

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.result_lines import PIECE, Lines, ResultLines
from gemini_operator.controller.reconcile.results import Results, tally_of
from gemini_operator.payload import results
from tests.unit.controller.builders import a_job, an_observation

FROM_OBJECT = {"input": {"object": {"uri": "s3://bucket/in.jsonl"}}}


def uploaded(records: int) -> dict[str, Any]:
    return {"inputFile": {"fileName": "files/a-1", "records": records}}


async def copied(job: Any, observation: Any, content: list[Any]) -> tuple[list[bytes], Lines]:
    """Copy what Google sends piece by piece: lines of a file, or inline results."""

    async def pieces(*_: Any) -> AsyncGenerator[Any, None]:
        for piece in content:
            yield piece

    client: Any = SimpleNamespace(
        files=SimpleNamespace(download=pieces), batches=SimpleNamespace(results=pieces)
    )
    unused: Any = None
    lines = Lines()
    found = [piece async for piece in ResultLines(unused).of(job, observation, client, lines)]
    return found, lines


async def test_s10_no_piece_is_large_whatever_google_sends() -> None:
    observation = replace(an_observation(), has_stream=True)
    # What is wrong with each of the first is said in a line of 250 bytes.
    items = [b"1"] * 20_000, [b'{"response": "%s"}' % (b"x" * 3 * PIECE)]
    found, lines = await copied(a_job(), observation, [*items])
    assert lines.records == 20_001
    assert max(map(len, found)) <= PIECE
    assert len(found) > 7


@pytest.mark.parametrize("stats", [None, (3, 3, 0, 0), (1, 1, 0, 0)])
async def test_results_that_are_missing_are_counted_whatever_google_counts(
    stats: tuple[int, int, int, int] | None,
) -> None:
    job = a_job(spec=FROM_OBJECT, status=uploaded(5))
    tally = Tally(total=5, succeeded=3, lost=2)
    observation = an_observation(file="files/results", stats=stats)
    line = json.dumps({"key": "a", "response": {"text": "yes"}}).encode() + b"\n"
    found, lines = await copied(job, observation, [line, line + line])
    assert b"".join(found) == 3 * line
    assert lines.records == 3
    assert lines.tally == tally
    # As small results are that come with the batch.
    unused: Any = None
    answered = [results.of_line(line)] * 3
    matched, note = await Results(unused).match(job, observation, answered)
    assert tally_of(matched, note) == tally
