import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.gemini import tokens

UID = "0f9a1b2c-1111-4222-8333-444455556666"
ATTEMPT = "00112233445566aa"


def test_p09_the_display_name_ends_with_the_token() -> None:
    name = tokens.display_name("reviews", UID, ATTEMPT)
    assert name == "reviews [0f9a1b2c-00112233445566aa]"
    assert tokens.read_token(name) == tokens.token_of(UID, ATTEMPT)


def test_p09_without_a_display_name_the_token_stands_alone() -> None:
    assert tokens.display_name("", UID, ATTEMPT) == "[0f9a1b2c-00112233445566aa]"


@given(display=st.text(max_size=200), attempt=st.integers(0, 2**64 - 1))
def test_p09_every_name_that_is_made_can_be_read(display: str, attempt: int) -> None:
    attempt_id = f"{attempt:016x}"
    token = tokens.read_token(tokens.display_name(display, UID, attempt_id))
    assert token == ("0f9a1b2c", attempt_id)


@pytest.mark.parametrize(
    "name",
    [
        "reviews [0f9a1b2c-00112233445566aa] ",
        "reviews [0f9a1b2c-00112233445566aa]\n",
        "reviews [0f9a1b2c-00112233445566aa] copy",
        "reviews[0f9a1b2c-00112233445566aa]",
        "reviews [0F9A1B2C-00112233445566AA]",
        "reviews [0f9a1b2c-00112233445566a]",
        "reviews [0f9a1b2c-00112233445566aaa]",
        "reviews [\u0660f9a1b2c-00112233445566aa]",
        "reviews",
        "",
        None,
        7,
        ["[0f9a1b2c-00112233445566aa]"],
    ],
)
def test_s06_only_an_exact_token_at_the_very_end_is_read(name: object) -> None:
    assert tokens.read_token(name) is None


def test_s06_the_last_of_several_tokens_counts() -> None:
    copied = tokens.display_name("x", UID, "f" * 16)
    assert tokens.read_token(tokens.display_name(copied, UID, ATTEMPT)) == ("0f9a1b2c", ATTEMPT)
