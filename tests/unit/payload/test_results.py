import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload.results import (
    MalformedResults,
    Results,
    ResultsTooLarge,
    from_file,
    from_inline,
)

LIMIT = 10_000
NAMES = st.sampled_from(["a", "ä", "\u2028", ""])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)


async def chunks(data: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def rows(results: Results) -> list[Any]:
    return [json.loads(line) for line in results.jsonl.splitlines()]


def inline(key: str, **answer: Any) -> dict[str, Any]:
    return {"metadata": {"key": key}, **answer}


# What a line holds


def test_p24_one_line_for_each_request_in_order_with_its_response_or_error() -> None:
    error = {"code": 3, "message": "no"}
    items = [inline("b", response={"text": "1"}), inline("a", error=error)]
    results = from_inline(items, LIMIT)
    assert rows(results) == [
        {"key": "b", "response": {"text": "1"}},
        {"key": "a", "error": error},
    ]
    assert results.records == 2


async def test_p24_a_file_of_results_becomes_the_same_lines() -> None:
    lines = [
        {"response": {"text": "1"}, "key": "b"},
        {"key": "a", "error": {"code": 3}, "status": "odd"},
    ]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    results = await from_file(chunks(data), LIMIT)
    assert rows(results) == [
        {"key": "b", "response": {"text": "1"}},
        {"key": "a", "error": {"code": 3}},
    ]


@pytest.mark.parametrize(
    ("item", "row"),
    [
        ({"metadata": {"key": "a"}}, {"key": "a", "response": None}),
        ({"response": {}}, {"key": None, "response": {}}),
        ({}, {"key": None, "response": None}),
        ({"metadata": "text", "response": {}}, {"key": None, "response": {}}),
        ({"metadata": ["key"], "response": {}}, {"key": None, "response": {}}),
        ({"metadata": None, "error": None, "response": 1}, {"key": None, "response": 1}),
        (
            {"metadata": {"key": "a"}, "response": {"t": 1}, "error": {"code": 1}},
            {"key": "a", "error": {"code": 1}},
        ),
    ],
)
def test_s22_whatever_google_sends_is_one_line(item: dict[str, Any], row: dict[str, Any]) -> None:
    assert rows(from_inline([item], LIMIT)) == [row]


@given(st.lists(st.dictionaries(st.sampled_from(["metadata", "response", "error"]), ANY)))
def test_s22_nothing_that_google_sends_breaks_the_rendering(items: list[dict[str, Any]]) -> None:
    results = from_inline(items, 10**9)
    assert results.records == len(items) == len(results.jsonl.split("\n")) - 1
    assert all(set(row) in ({"key", "response"}, {"key", "error"}) for row in rows_of(results))


def rows_of(results: Results) -> list[Any]:
    """As `rows`, for text that may hold other separators of lines than a line end."""
    return [json.loads(line) for line in results.jsonl.split("\n")[:-1]]


def test_text_is_written_as_text_and_fits_a_config_map() -> None:
    """Half of a surrogate pair is no UTF-8, so it cannot be stored."""
    results = from_inline([inline("ä", response={"t": "日本\ud800"})], LIMIT)
    assert "日本" in results.jsonl
    assert "ä" in results.jsonl
    assert results.jsonl.encode().decode() == results.jsonl


def test_no_results_are_no_lines() -> None:
    assert from_inline([], LIMIT) == Results("", 0)


def test_the_size_and_the_hash_are_those_of_the_bytes() -> None:
    results = from_inline([inline("ä", response={})], LIMIT)
    data = results.jsonl.encode()
    assert results.bytes == len(data) == len(results.jsonl) + 1
    assert results.sha256 == hashlib.sha256(data).hexdigest()


# Limits


def test_p24_results_of_exactly_the_limit_fit_and_one_byte_more_does_not() -> None:
    item = inline("a", response={"t": "ä" * 10})
    size = from_inline([item], LIMIT).bytes
    assert from_inline([item], size).bytes == size
    with pytest.raises(ResultsTooLarge):
        from_inline([item], size - 1)


def test_p24_too_many_results_are_refused_with_the_limit_before_all_are_rendered() -> None:
    def endless() -> Any:
        while True:
            yield inline("a", response={"t": "x" * 100})

    with pytest.raises(ResultsTooLarge, match="more than 900 KiB"):
        from_inline(endless(), 900 * 1024)


async def test_p24_a_file_beyond_the_limit_is_refused() -> None:
    line = json.dumps({"key": "a", "response": {"t": "x" * 100}}).encode() + b"\n"
    with pytest.raises(ResultsTooLarge):
        await from_file(chunks(line * 100, 1000), LIMIT // 10)


# Google's files


@given(
    items=st.lists(st.fixed_dictionaries({"key": st.text(max_size=5), "response": ANY})),
    size=st.integers(1, 50),
    end=st.sampled_from([b"", b"\n", b"\r\n", b"\n\n"]),
)
async def test_a_file_is_read_the_same_however_it_is_cut_into_chunks(
    items: list[dict[str, Any]], size: int, end: bytes
) -> None:
    data = b"\n".join(json.dumps(item, ensure_ascii=False).encode() for item in items) + end
    results = await from_file(chunks(data, size), 10**9)
    assert rows_of(results) == items


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"key": "\xff"}',
        b"[" * 100_000,
        b"9" * 5000,
    ],
    ids=["cut", "list", "null", "text", "no text", "no UTF-8", "deep", "a long number"],
)
async def test_s22_a_malformed_line_is_named_by_its_number_and_not_quoted(line: bytes) -> None:
    with pytest.raises(MalformedResults) as refused:
        await from_file(chunks(b'{"key": "a"}\n\n' + line), 10**6)
    assert str(refused.value) == "line 3 of Google's result file is not a JSON object"


async def test_an_escaped_half_of_a_surrogate_pair_in_a_file_becomes_something_storable() -> None:
    results = await from_file(chunks(b'{"key": "a", "response": "\\ud800"}'), LIMIT)
    assert results.jsonl.encode()
    assert rows(results)[0]["key"] == "a"


async def test_an_empty_file_has_no_results() -> None:
    assert await from_file(chunks(b""), LIMIT) == Results("", 0)
