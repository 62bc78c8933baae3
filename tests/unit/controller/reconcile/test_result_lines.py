"""Results that are copied line by line: in which pieces they come, and how they are counted."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from gemini_operator.controller.lifecycle.tally import Tally
from gemini_operator.controller.reconcile.result_lines import (
    AS_SENT,
    PIECE,
    SORTED,
    Lines,
    ResultLines,
)
from gemini_operator.controller.reconcile.results import Results, ResultsLate, tally_of
from gemini_operator.payload import matching, results
from gemini_operator.payload.results import MOST
from tests.unit.controller.builders import a_job, an_observation
from tests.unit.event_loop import turns_beside

FROM_OBJECT = {"input": {"object": {"uri": "s3://bucket/in.jsonl"}}}


def uploaded(records: int) -> dict[str, Any]:
    return {"inputFile": {"fileName": "files/a-1", "records": records}}


class Knowing(Results):
    """Knows the requests of the job without a Kubernetes."""

    async def _requests(self, _: Any) -> list[matching.Request]:
        return [matching.Request("a")]


class KnowingThree(Results):
    async def _requests(self, _: Any) -> list[matching.Request]:
        return [matching.Request(key) for key in "abc"]


async def copied(
    job: Any, observation: Any, content: list[Any], known: type[Results] = Knowing
) -> tuple[list[bytes], Lines]:
    """Copy what Google sends piece by piece: lines of a file, or inline results."""

    async def pieces(*_: Any) -> AsyncGenerator[Any, None]:
        for piece in content:
            yield piece

    client: Any = SimpleNamespace(
        files=SimpleNamespace(download=pieces), batches=SimpleNamespace(results=pieces)
    )
    unused: Any = None
    lines = Lines()
    reader = ResultLines(known(unused))
    found = [piece async for piece in reader.of(job, observation, client, lines)]
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


@pytest.mark.parametrize("inline", [True, False])
async def test_requests_in_kubernetes_are_counted_if_google_counts_none(inline: bool) -> None:
    content = [
        b'{"metadata": {"key": "%s"}, "response": {"text": "-"}}' % key for key in (b"a", b"c")
    ]
    observation = replace(an_observation(file="files/results", stats=None), has_stream=inline)
    large = [content] if inline else [line + b" " * SORTED + b"\n" for line in content]
    _, lines = await copied(a_job(), observation, [*large], KnowingThree)
    assert lines.records == 2
    assert lines.tally.total == 3
    assert lines.tally.lost == 1


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


@pytest.mark.parametrize("number", [1, 3])
async def test_results_with_a_number_that_json_does_not_know_are_copied(number: int) -> None:
    # Google has sent NaN in every result of a batch: each belongs to a request all the same.
    sent = [answered(str(at), response={"avgLogprobs": float("nan")}) for at in range(number)]
    observation = an_observation(file="files/results")
    job = a_job(spec=FROM_OBJECT, status=uploaded(number))
    found, lines = await copied(job, observation, [b"".join(sent)])
    assert b"".join(found) == b"".join(sent)
    assert lines.tally == Tally(total=number, succeeded=0, lost=number)
    assert await small(job, observation, sent) == lines.tally


async def test_a_page_instead_of_results_is_not_copied() -> None:
    job = a_job(spec=FROM_OBJECT, status=uploaded(2))
    observation = an_observation(file="files/results")
    with pytest.raises(ResultsLate, match="not JSON"):
        await copied(job, observation, [b"<html>\n", b'{"score": NaN}\n'])


async def test_a_file_without_results_is_read_again_later_however_small() -> None:
    # A batch of which nobody knows how many requests it has has some.
    for spec in ({}, FROM_OBJECT, {"input": {"fileName": "files/mine"}}):
        job = a_job(spec=spec)
        observation = an_observation(file="files/results", stats=None)
        with pytest.raises(ResultsLate, match="no results in it"):
            await copied(job, observation, [b"\n"])


ODD: list[dict[str, Any]] = [
    {"metadata": {"key": "a"}},
    {"metadata": {"key": "b"}, "response": float("nan")},
    {"metadata": {"key": "c"}, "error": {"code": 13, "details": [{"reason": "RESULT_EMPTY"}]}},
    {"metadata": {"key": "d"}, "response": {}},
    {"metadata": {"key": "a"}, "response": None},
]


async def test_inline_results_are_counted_alike_however_large_they_are() -> None:
    job = a_job(spec=FROM_OBJECT, status=uploaded(4))
    observation = an_observation(stats=(4, 4, 0, 0))
    items = [json.dumps(item).encode() for item in ODD]
    found, lines = await copied(job, replace(observation, has_stream=True), [items])
    assert len(b"".join(found).splitlines()) == len(ODD)
    assert lines.tally == Tally(total=4, succeeded=1, failed=1, lost=2, repeated=1)
    kept = replace(observation, inline_results=ODD)
    assert (await copied(job, kept, []))[1].tally == lines.tally


async def test_s10_a_small_file_of_very_many_lines_is_not_kept() -> None:
    observation = an_observation(file="files/results", stats=(1, 1, 0, 0))
    sent = answered("a") + b"1\n" * MOST
    found, lines = await copied(a_job(), observation, [sent])
    assert b"".join(found) == sent
    assert lines.records == MOST + 1
    assert lines.tally.note == AS_SENT


class Forgetful(Results):
    """The input is gone."""

    async def _requests(self, _: Any) -> None:
        return None


async def test_p24_the_lines_are_the_same_whether_the_input_is_still_there() -> None:
    """Or a delivery that was interrupted would not recognise its own ConfigMap."""
    unused: Any = None
    found = results.of_items([{"metadata": {"key": "a", "x": 1}, "response": {}}])
    observation = an_observation(stats=(1, 1, 0, 0))
    known, _ = await Knowing(unused).match(a_job(), observation, found)
    gone, note = await Forgetful(unused).match(a_job(), observation, found)
    assert (gone.lines, gone.counts) == (known.lines, known.counts)
    assert note


async def test_s10_other_work_goes_on_while_few_large_results_are_matched() -> None:
    # Embeddings: each has thousands of numbers.
    items = [{"metadata": {"key": str(at)}, "response": [0.1] * 3072} for at in range(40)]
    copying = asyncio.create_task(
        copied(a_job(spec=FROM_OBJECT), an_observation(results=items), [])
    )
    assert await turns_beside(copying) > 10
    _, lines = await copying
    assert lines.records == 40
