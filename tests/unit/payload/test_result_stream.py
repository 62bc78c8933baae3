import hashlib
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload import json_lines, matching, results
from gemini_operator.payload.result_stream import ResultCounts, ResultStream, encode_item
from gemini_operator.payload.results import ResultKind

MIB = 2**20
RESPONSE = {"candidates": [{"content": {"parts": [{"text": "yes"}]}, "finishReason": "STOP"}]}
LINES = st.sampled_from(
    [
        b"",
        b" \r",
        b'{"key": "a", "response": {}}',
        b'{"key": "a", "response": {"avgLogprobs": NaN}}',
        b'{"key": "a", "response": {"avgLogprobs": 1e999}}',
        b'{"key": "a", "response": {"text": "\\ud83d"}}',
        b'{"key": "a", "key": "b", "error": {"code": 3}, "error": null}',
        b'{"key": "a", "error": {"code": 3}}\r',
        b'{"key": "a"}',
        b'{"key": "a", "response": {"promptFeedback": {"blockReason": "SAFETY"}}}',
        b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}",
        b"[]",
        b"<html>",
        b"\xff",
    ]
)


def read(pieces: Iterable[bytes], **limits: Any) -> tuple[bytes, ResultCounts]:
    stream = ResultStream(**limits)
    delivered = b"".join(map(stream.feed, pieces))
    rest, counts = stream.finish()
    return delivered + rest, counts


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(lines=st.lists(LINES, max_size=6), end=st.sampled_from([b"", b"\n"]))
def test_results_are_delivered_unchanged_and_counted_as_everywhere(
    lines: list[bytes], end: bytes
) -> None:
    data = b"\n".join(lines) + end
    whole = data if data.endswith(b"\n") or not data else data + b"\n"
    found = results.of_text(data)
    kinds = Counter(map(results.kind_of, found))
    foreign = sum(not result.is_any for result in found)
    digest = hashlib.sha256(whole).hexdigest()
    expected = ResultCounts(kinds, len(whole), digest, foreign=foreign)
    assert expected.records == kinds.total()
    for size in (1, 5, len(data) + 1):
        assert read(cut(data, size)) == (whole, expected)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b' {"key": "a", "response": "%s"} \r' % (b"x" * 99), ResultKind.SUCCEEDED),
        (b'{"key": "a", "response": "%s"' % (b"x" * 99), ResultKind.UNREADABLE),
        (b'["%s"]' % (b"x" * 99), ResultKind.UNREADABLE),
        (b'x"%s"}' % (b"x" * 99), ResultKind.UNREADABLE),
    ],
)
def test_a_long_line_is_counted_by_its_ends(line: bytes, kind: ResultKind) -> None:
    data = b'{"error": {}}\n%b\n{"error": {}}\n%b' % (line, line)
    for size in (1, 5, 80, 1000):
        delivered, counts = read(cut(data, size), line_limit=64)
        assert delivered == data + b"\n"
        assert counts.kinds == {kind: 2, ResultKind.FAILED: 2}


def test_only_so_many_keys_are_remembered() -> None:
    data = b'{"key": "a", "response": {}}\n' * 3 + b'{"key": 7, "response": {}}\n{"key": "7"}\n'
    for limit, repeated in ((9, 3), (2, 1), (0, 0)):
        _, counts = read(cut(data, 5), unique_keys=True, key_limit=limit)
        assert (counts.repeated, counts.records) == (repeated, 5)


def test_a_long_line_is_never_kept() -> None:
    stream = ResultStream(line_limit=MIB)
    piece = b"x" * (MIB // 2)
    tracemalloc.start()
    for _ in range(100):
        stream.feed(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB


@pytest.mark.parametrize("spaces", ["", "\r\n"], ids=["one line", "several lines"])
def test_s10_a_result_of_very_many_values_is_delivered_and_not_parsed(spaces: str) -> None:
    many = spaces + "[]," * 600_000
    raw = f'{{"metadata": {{"key": "a", "x": [{many}0]}}, "response": {{}}}}'.encode()
    stream = ResultStream()
    tracemalloc.start()
    line = encode_item(raw)
    stream.feed(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Parsed, each list takes 64 bytes.
    assert peak < 16 * MIB
    assert line == raw.replace(b"\r\n", b"  ") + b"\n"
    assert stream.finish()[1].kinds == {ResultKind.SUCCEEDED: 1}


# Inline items


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (
            {"metadata": {"key": "a"}, "response": RESPONSE},
            {"key": "a", "response": RESPONSE},
        ),
        (
            {"error": {"code": 3}, "metadata": {"key": "ä\u2028", "product_id": "p"}},
            {"key": "ä\u2028", "metadata": {"product_id": "p"}, "error": {"code": 3}},
        ),
        ({"metadata": {"key": 7}, "response": {}}, {"key": "7", "response": {}}),
        (
            {"key": "a", "embedding": {"values": [0.5]}},
            {"key": "a", "embedding": {"values": [0.5]}},
        ),
        ({"response": {}}, {"response": {}}),
    ],
)
def test_an_inline_item_becomes_a_line(item: dict[str, Any], line: dict[str, Any]) -> None:
    for indent in (None, 2):
        encoded = encode_item(json.dumps(item, indent=indent).encode())
        assert encoded == json_lines.encode(line).encode()


@pytest.mark.parametrize(
    ("raw", "key", "reason"),
    [
        (b'{"metadata": {"key": "a"}}', "a", "RESULT_EMPTY"),
        (b"null", None, "RESULT_EMPTY"),
        (b'{"metadata": {"key": "a"}, "response": NaN}', "a", "RESULT_UNREADABLE"),
        (b'{"metadata": {"key": "a"}, "response": 1e999}', "a", "RESULT_UNREADABLE"),
        (b'{"metadata": {"key": "\xff"}}', None, "RESULT_UNREADABLE"),
        (b"{", None, "RESULT_UNREADABLE"),
    ],
)
def test_an_item_that_says_nothing_becomes_an_error(
    raw: bytes, key: str | None, reason: str
) -> None:
    line = json.loads(encode_item(raw))
    assert line.get("key") == key
    assert line["error"]["details"][0]["reason"] == reason


@given(
    st.dictionaries(
        st.sampled_from(["response", "error", "x"]),
        st.none() | st.text() | st.floats() | st.dictionaries(st.text(), st.integers(), max_size=2),
    )
)
def test_an_item_has_the_line_of_a_small_result(content: dict[str, Any]) -> None:
    item = {"metadata": {"key": "a"}, **content}
    [line] = matching.match([matching.Request("a")], [results.of_item(item)]).lines
    assert encode_item(json.dumps(item).encode()).decode() == line
