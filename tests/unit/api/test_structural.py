from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from gemini_operator.api.model import Model, Time
from gemini_operator.api.rules import KEY, rule, rules
from gemini_operator.api.structural import structural_schema


class Inner(Model):
    """An inner thing."""

    model_config = ConfigDict(json_schema_extra=rules(rule("self.a == 'a'", "own")))

    a: Annotated[str, Field(max_length=3, pattern="^a$")]
    """a is a
    letter."""


class Outer(Model):
    required: Inner
    """required is described where it is used."""

    optional: Annotated[Inner, Field(json_schema_extra=rules(rule("true", "added")))] | None = None
    """optional may be absent."""

    word: Literal["Cancel"] | None = None
    """word is one word."""

    words: Literal["A", "B"] = "A"
    """words has a default."""

    count: Annotated[int, Field(ge=1, le=9)] | None = None
    """count is a number."""

    when: Time | None = None
    """when is a time."""

    many: tuple[Inner, ...] = ()
    """many is a list."""

    texts: dict[str, Annotated[str, Field(max_length=5)]] | None = None
    """texts is a map."""

    free: dict[str, Any] = Field(
        default_factory=dict,
        json_schema_extra={
            "x-kubernetes-preserve-unknown-fields": True,
            "additionalProperties": None,
        },
    )
    """free is anything."""


@pytest.fixture(name="members")
def members_() -> dict[str, Any]:
    members: dict[str, Any] = structural_schema(Outer, defaults=True)["properties"]
    return members


def test_a_reference_is_replaced_by_what_it_means(members: dict[str, Any]) -> None:
    assert members["required"] == {
        "description": "required is described where it is used.",
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {
                "description": "a is a letter.",
                "type": "string",
                "maxLength": 3,
                "pattern": "^a$",
            }
        },
        KEY: [{"rule": "self.a == 'a'", "message": "own"}],
    }


def test_an_optional_member_has_no_null_and_keeps_all_rules(members: dict[str, Any]) -> None:
    optional = members["optional"]

    assert "anyOf" not in optional
    assert "default" not in optional
    assert optional["description"] == "optional may be absent."
    assert [found["message"] for found in optional[KEY]] == ["own", "added"]


def test_a_single_word_is_an_enumeration_of_one(members: dict[str, Any]) -> None:
    assert members["word"] == {
        "description": "word is one word.",
        "type": "string",
        "enum": ["Cancel"],
    }


def test_defaults_are_kept_only_where_the_api_server_shall_fill_them_in(
    members: dict[str, Any],
) -> None:
    assert members["words"]["default"] == "A"
    assert "default" not in structural_schema(Outer, defaults=False)["properties"]["words"]


def test_integers_have_64_bits(members: dict[str, Any]) -> None:
    assert members["count"] == {
        "description": "count is a number.",
        "type": "integer",
        "format": "int64",
        "maximum": 9,
        "minimum": 1,
    }


def test_times_lists_and_maps(members: dict[str, Any]) -> None:
    assert (members["when"]["type"], members["when"]["format"]) == ("string", "date-time")
    assert members["many"]["items"]["properties"]["a"]["maxLength"] == 3
    assert members["texts"]["additionalProperties"] == {"type": "string", "maxLength": 5}


def test_a_free_object_keeps_what_the_schema_does_not_know(members: dict[str, Any]) -> None:
    assert members["free"] == {
        "description": "free is anything.",
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }


def test_a_union_of_types_cannot_be_said() -> None:
    class Odd(Model):
        either: int | str

    with pytest.raises(TypeError, match="no unions"):
        structural_schema(Odd, defaults=True)


def test_the_model_is_not_changed_by_being_described() -> None:
    assert structural_schema(Outer, defaults=True) == structural_schema(Outer, defaults=True)
