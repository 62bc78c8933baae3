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
    sent = [answered("a"), answered("b"), answered("c")]
    found, lines = await copied(job, observation, [sent[0], sent[1] + sent[2]])
    assert b"".join(found) == b"".join(sent)
    assert lines.records == 3
    assert lines.tally == tally
    assert await small(job, observation, sent) == tally


def answered(key: object, **content: Any) -> bytes:
    return json.dumps({"key": key, **(content or {"response": {}})}).encode() + b"\n"


async def small(job: Any, observation: Any, sent: list[bytes]) -> Tally:
    """What results are counted to that are small and come with the batch."""
    unused: Any = None
    matched, note = await Results(unused).match(job, observation, list(map(results.of_line, sent)))
    return tally_of(matched, note)


TWICE = [
    answered("a"),
    answered("b", error={"code": 3}),
    answered("b"),
    answered("a"),
    answered("a"),
]


@pytest.mark.parametrize(
    ("spec", "tally"),
    [
        (FROM_OBJECT, Tally(total=5, succeeded=1, failed=1, lost=3, repeated=3)),
        # Nobody has checked that these requests have a key each.
        ({"input": {"fileName": "files/mine"}}, Tally(total=5, succeeded=4, failed=1)),
    ],
    ids=["checked input", "somebody's file"],
)
async def test_a_result_that_is_there_twice_hides_no_missing_one(
    spec: dict[str, Any], tally: Tally
) -> None:
    job = a_job(spec=spec, status=uploaded(5))
    observation = an_observation(file="files/results", stats=(5, 5, 0, 0))
    found, lines = await copied(job, observation, [b"".join(TWICE)])
    assert b"".join(found) == b"".join(TWICE)
    assert (lines.records, lines.tally) == (5, tally)
    assert await small(job, observation, TWICE) == tally
