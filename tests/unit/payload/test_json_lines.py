import io
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.payload.json_lines import NotJson, decode, encode

MILLION = 1_000_000
TEXT = st.text(st.characters() | st.sampled_from("\u0085\u2028\u2029\ud800\udfff\x0b\x1e\r\n"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.dictionaries(TEXT, VALUES, max_size=4)


@given(st.lists(ROWS, max_size=4))
def test_every_reader_of_lines_sees_the_same_rows(rows: list[dict[str, Any]]) -> None:
    text = "".join(map(encode, rows))
    stored = text.encode().decode()
    universal = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    for lines in (stored.split("\n")[:-1], stored.splitlines(), list(universal)):
        assert [json.loads(line) for line in lines] == rows


def test_only_what_could_end_a_line_or_is_no_utf_8_is_escaped() -> None:
    assert encode({"a": "日本 \u2028\u0085\ud800"}) == '{"a":"日本 \\u2028\\u0085\\ud800"}\n'


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_know_is_read_and_never_written(number: str) -> None:
    with pytest.raises(NotJson, match="NaN or Infinity"):
        encode(decode(b'{"a": {"b": [' + number.encode() + b"]}}"))


@pytest.mark.parametrize(
    "line", [b"<html>", b"[1]", b'"a"', b'{"a": 1} {"b": 2}', b"\xff", b"[" * 9999]
)
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(NotJson):
        decode(line)


def test_what_can_be_read_as_a_result_can_be_written() -> None:
    deep = b'{"a":' * 500 + b"[]" + b"}" * 500
    assert json.loads(encode(decode(deep))) == json.loads(deep)


@pytest.mark.parametrize("mark", ["\u2028", "\ud800"])
def test_s10_a_million_escapes_take_little_time(mark: str) -> None:
    begun = time.process_time()
    line = encode({"a": mark * MILLION})
    assert time.process_time() - begun < 0.3
    assert len(line) == 6 * MILLION + len('{"a":""}\n')
