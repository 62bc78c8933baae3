from typing import Any

import pytest

from gemini_emulator import proto_json
from gemini_emulator.errors import ApiError


@pytest.mark.parametrize("spelled", ["displayName", "display_name"])
def test_a_member_is_found_in_either_spelling(spelled: str) -> None:
    value = {spelled: "a"}
    assert proto_json.member(value, "displayName") == "a"
    assert proto_json.checked_object(value, ("displayName",), "x") is value
    assert proto_json.string_member(value, "displayName", "x") == "a"


def test_an_unknown_member_is_named_with_its_place() -> None:
    with pytest.raises(ApiError, match="Unknown name \"other\" at 'batch'"):
        proto_json.checked_object({"other": 1}, ("displayName",), "batch")


@pytest.mark.parametrize("value", [None, [], "x", 5])
def test_what_is_no_object_is_refused(value: Any) -> None:
    with pytest.raises(ApiError, match="an object is expected"):
        proto_json.checked_object(value, (), "batch")


@pytest.mark.parametrize(
    ("given", "number"), [(None, 0), (5, 5), ("5", 5), ("-5", -5), (2**63 - 1, 2**63 - 1)]
)
def test_an_int64_may_be_a_number_or_a_text(given: Any, number: int) -> None:
    assert proto_json.int64_member({"priority": given}, "priority", "batch") == number


@pytest.mark.parametrize("given", ["x", "1.5", 1.5, [], 2**63])
def test_what_is_no_int64_is_refused(given: Any) -> None:
    with pytest.raises(ApiError, match=r"batch\.priority"):
        proto_json.int64_member({"priority": given}, "priority", "batch")


@pytest.mark.parametrize("given", ["x", {}, [1]])
def test_what_is_no_list_of_texts_is_refused(given: Any) -> None:
    with pytest.raises(ApiError, match=r"w\.uris"):
        proto_json.string_list_member({"uris": given}, "uris", "w")


def test_a_text_must_be_one() -> None:
    with pytest.raises(ApiError, match=r"batch\.display_name"):
        proto_json.string_member({"displayName": 1}, "displayName", "batch")
