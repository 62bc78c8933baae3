import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload import matching, results
from gemini_operator.payload.results import (
    MOST,
    BatchResult,
    ResultKind,
    ResultsTooLarge,
    kind_of,
    of_file,
    of_item,
    of_items,
)
from tests.unit.event_loop import turns_beside

OK = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}
ERROR = {"code": 13, "message": "internal"}
NAMES = st.sampled_from(["key", "metadata", "response", "error", "status", "embedding"])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)


async def chunks(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


# Whose it is


@pytest.mark.parametrize(
    ("item", "key", "metadata"),
    [
        ({"key": "a", "response": OK}, "a", None),
        ({"metadata": {"key": "a"}, "response": OK}, "a", {"key": "a"}),
        ({"metadata": {"product_id": "p"}, "response": OK}, None, {"product_id": "p"}),
        ({"key": "a", "metadata": {"key": "b"}, "response": OK}, "a", {"key": "b"}),
        ({"key": 7, "response": OK}, 7, None),
        ({"metadata": ["key"], "response": OK}, None, ["key"]),
        ({"response": OK}, None, None),
    ],
)
def test_key_and_metadata_are_kept_as_google_sent_them(
    item: dict[str, Any], key: object, metadata: object
) -> None:
    result = of_item(item)
    assert (result.key, result.metadata, dict(result.content)) == (key, metadata, {"response": OK})


# What became of it


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"response": OK}, ResultKind.SUCCEEDED),
        ({"response": {}}, ResultKind.SUCCEEDED),
        ({"response": {"candidates": []}}, ResultKind.SUCCEEDED),
        ({"embedding": {"values": [0.5]}}, ResultKind.SUCCEEDED),
        ({"response": OK, "error": None}, ResultKind.SUCCEEDED),
        ({"response": OK, "status": {}}, ResultKind.SUCCEEDED),
        ({"response": OK, "status": {"code": 0}}, ResultKind.SUCCEEDED),
        ({"response": OK, "status": "odd"}, ResultKind.SUCCEEDED),
        ({"error": ERROR}, ResultKind.FAILED),
        ({"error": {}}, ResultKind.FAILED),
        ({"error": "quota"}, ResultKind.FAILED),
        ({"error": ERROR, "response": OK}, ResultKind.FAILED),
        ({"status": {"code": 3, "message": "no"}}, ResultKind.FAILED),
        ({"status": {"code": "INVALID_ARGUMENT"}}, ResultKind.FAILED),
        ({"status": ERROR, "response": None}, ResultKind.FAILED),
        ({}, ResultKind.EMPTY),
        ({"response": None}, ResultKind.EMPTY),
        ({"response": None, "error": None}, ResultKind.EMPTY),
        ({"response": {"promptFeedback": {"blockReason": "SAFETY"}}}, ResultKind.BLOCKED),
        ({"response": {"candidates": [{"finishReason": "SAFETY"}]}}, ResultKind.BLOCKED),
        (
            {"response": {"candidates": [{"finishReason": "SPII", "content": {"role": "model"}}]}},
            ResultKind.BLOCKED,
        ),
        (
            {"response": {"candidates": [{"finishReason": "SAFETY"}, OK["candidates"][0]]}},
            ResultKind.SUCCEEDED,
        ),
        ({"response": {"candidates": [{"finishReason": "MAX_TOKENS"}]}}, ResultKind.SUCCEEDED),
        ({"response": {"candidates": [{"finishReason": ["SAFETY"]}]}}, ResultKind.SUCCEEDED),
        ({"response": {"candidates": [{"finishReason": {}}]}}, ResultKind.SUCCEEDED),
        ({"response": {"candidates": [{"avgLogprobs": float("nan")}]}}, ResultKind.UNREADABLE),
        ({"response": OK, "usage": float("inf")}, ResultKind.UNREADABLE),
    ],
)
def test_one_function_decides_what_became_of_a_request(
    content: dict[str, Any], expected: ResultKind
) -> None:
    assert kind_of(of_item({"key": "a", **content})) is expected


@given(st.lists(st.dictionaries(NAMES, ANY, max_size=4), max_size=4))
def test_s22_whatever_google_sends_is_a_result_each(items: list[dict[str, Any]]) -> None:
    assert len([kind_of(result) for result in of_items(items)]) == len(items)


# Files


async def test_each_line_of_a_file_is_a_result_and_blank_lines_are_none() -> None:
    data = b'{"key":"a","response":{}}\n\n \r\n{"key":"b","error":{"code":3}}\r\n'
    assert await of_file(chunks(data)) == [
        BatchResult("a", None, {"response": {}}),
        BatchResult("b", None, {"error": {"code": 3}}),
    ]


async def test_a_line_that_is_not_json_costs_only_itself() -> None:
    data = b'{"key":"0","response":{"avgLogprobs":NaN}}\n{"key":"1","response":{}}\n<html>\n\xff\n'
    found = [(result.key, kind_of(result)) for result in await of_file(chunks(data))]
    unreadable = (None, ResultKind.UNREADABLE)
    assert found == [
        ("0", ResultKind.UNREADABLE),
        ("1", ResultKind.SUCCEEDED),
        unreadable,
        unreadable,
    ]


@pytest.mark.parametrize(
    "line",
    [
        b'{"key":NaN,"response":{}}',
        b'{"key":[1e400],"response":{}}',
        b'{"metadata":{"key":-Infinity},"response":{}}',
    ],
)
def test_a_key_that_is_not_json_costs_only_its_line(line: bytes) -> None:
    found = results.of_text(line + b'\n{"key":"1","response":{}}')
    matched = matching.as_sent(found, 2, unique_keys=True)
    assert matched.counts == {ResultKind.UNREADABLE: 1, ResultKind.SUCCEEDED: 1}
    assert matched.lines[0].startswith('{"error":')
    assert matched.lines[1] == '{"key":"1","response":{}}\n'


async def test_s10_other_work_goes_on_while_many_results_are_read() -> None:
    data = b'{"key":"1","error":{"code":3}}\n' * 20_000
    reading = asyncio.create_task(of_file(chunks(data, len(data))))
    assert await turns_beside(reading) > 10
    assert len(await reading) == 20_000


async def test_s10_results_that_are_too_many_are_not_kept() -> None:
    assert len(await of_file(chunks(b"1\n" * MOST, MOST))) == MOST
    with pytest.raises(ResultsTooLarge):
        await of_file(chunks(b"1\n" * (MOST + 1), MOST))
