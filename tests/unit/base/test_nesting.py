import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.base import nesting

TEXT = st.text(alphabet='[]{}"\\a\u2028\n')
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=25,
)


def levels_of(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    children = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels_of, children), default=0)


def pruned(value: Any, levels: int, text: Callable[[Any], str]) -> Any:
    """What `cut` must leave, by the plainest means."""
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        left_out = text(value).encode()
        return [max(0, len(left_out) - 5 * left_out.count(b"\\u"))]
    if isinstance(value, list):
        return [pruned(each, levels - 1, text) for each in value]
    return {name: pruned(each, levels - 1, text) for name, each in value.items()}


def lists_of(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + sum(map(lists_of, value.values() if isinstance(value, dict) else value))


@given(JSON, st.booleans())
def test_marks_in_strings_are_not_counted(value: Any, ascii_: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_).encode()
    assert nesting.has_many(text, b"[{", lists_of(value))
    assert not nesting.has_many(text, b"[{", lists_of(value) + 1)


@given(JSON, st.integers(0, 6), st.booleans())
def test_brackets_and_quotes_in_strings_never_count(value: Any, levels: int, ascii_: bool) -> None:
    text = partial(json.dumps, ensure_ascii=ascii_)
    body = text(value).encode()
    assert nesting.within(body, levels) == (levels_of(value) <= levels)
    assert nesting.exceeds(value, levels) == (levels_of(value) > levels)
    assert json.loads(nesting.cut(body, levels)) == pruned(value, levels, text)


@given(JSON.filter(lambda value: isinstance(value, dict | list)), st.booleans())
def test_the_size_of_what_is_left_out_is_never_said_too_large(value: Any, ascii_: bool) -> None:
    """Whoever wrote it may have escaped any character."""
    body = json.dumps(value, ensure_ascii=ascii_, separators=(",", ":")).encode()
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    [said] = json.loads(nesting.cut(body, 0))
    assert said <= len(plain)
    assert ascii_ or b"\\u" in body or said == len(plain)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":'])
@pytest.mark.parametrize("levels", [101, 1_200, 100_000])
def test_any_depth_is_found_and_cut(opening: bytes, levels: int) -> None:
    closing = {b"[": b"]", b'{"a":': b"}", b'[{"":': b"}]"}[opening]
    body = opening * levels + b"1" + closing * levels
    assert not nesting.within(body, 100)
    assert levels_of(json.loads(nesting.cut(body, 100))) == 101


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ a').map(str.encode))
def test_bytes_that_are_no_json_raise_nothing(body: bytes) -> None:
    nesting.within(body, 3)
    nesting.cut(body, 3)
