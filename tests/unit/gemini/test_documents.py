import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import documents

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def nested(levels: int) -> bytes:
    """An object around `levels - 1` alternating arrays and objects."""
    inner = b"1"
    for level in range(levels - 1):
        inner = b"[" + inner + b"]" if level % 2 else b'{"b":' + inner + b"}"
    return b'{"a":' + inner + b"}"


@given(st.dictionaries(st.text(), JSON))
def test_s22_every_object_within_the_bounds_is_read_as_it_is(value: dict[str, object]) -> None:
    assert documents.parse(json.dumps(value).encode()) == value
    assert (
        documents.parse(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
        is not None
    )


def test_s22_sixty_four_levels_are_read_and_sixty_five_are_not() -> None:
    assert documents.parse(nested(64))
    with pytest.raises(Undecodable, match="64 levels"):
        documents.parse(nested(65))


def test_s22_brackets_in_strings_are_not_levels() -> None:
    value = {"a": "[" * 200 + '\\"{', "b": ["}" * 200]}
    assert documents.parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b"<html></html>",
        b'{"a":"',
        b'{"a":"\\',
        b"[" * 100_000,
    ],
)
def test_s22_anything_else_is_undecodable(body: bytes) -> None:
    with pytest.raises(Undecodable):
        documents.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b'\\"' * 500_000,
        b'{"a":"' + b"\\" * 1_000_001,
        b'"' * 1_000_001,
        b"[{" * 500_000,
        b"[]" * 500_000,
    ],
    ids=["escaped quotes", "backslashes", "quotes", "brackets", "pairs"],
)
def test_s22_a_megabyte_made_to_be_slow_is_not(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(Undecodable):
        documents.parse(body)
    assert time.process_time() - began < 2


def test_results_may_be_deep_and_have_numbers_that_json_does_not_know() -> None:
    deep = b'{"a":' * 499 + b"[]" + b"}" * 499
    assert documents.parse(deep, results=True)
    with pytest.raises(Undecodable, match="500 levels"):
        documents.parse(b'{"a":' * 501 + b"1" + b"}" * 501, results=True)
    assert documents.parse(b'{"a":Infinity}', results=True) == {"a": float("inf")}
