"""Edits of a good value: inputs that the fuzzer reaches, and the value itself."""

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.choices import Choices, edited


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_edits(original: bytes, data: bytes) -> None:
    edited(original, Choices(data))


def test_without_edits_a_value_is_unchanged() -> None:
    assert edited(b"value", Choices(b"")) == b"value"
    assert edited(b"value", Choices(b"\0\1\2\3")) == b"value"


def test_what_is_left_is_the_rest() -> None:
    choices = Choices(b"\7\2abcd")

    assert (choices.number(), choices.short(), choices.rest()) == (7, b"ab", b"cd")
    assert choices.ended
    assert choices.number() == 0
