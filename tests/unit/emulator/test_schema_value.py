from typing import Any

import pytest

from gemini_emulator.schema_value import schema_value

PROMPT = "Classify the sentiment of this review: I love it, works great"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "STRING", "enum": ["positive", "negative"]}, "positive"),
        ({"enum": [3]}, 3),
        ({"const": "fixed"}, "fixed"),
        ({"type": "null"}, None),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"type": "string", "maxLength": 3}, "Cla"),
        ({"type": "integer", "minimum": 7, "maximum": 7}, 7),
        ({"type": "number", "minimum": 0.25, "maximum": 0.75}, 0.25),
        ({"type": "array", "items": {"const": 1}, "minItems": "2"}, [1, 1]),
        ({"type": "array", "items": {}, "maxItems": 0}, []),
        ({"type": ["null", "boolean"], "enum": [True]}, True),
        ({"anyOf": [{"type": "null"}, {"const": "a"}]}, "a"),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"const": 5}}}, 5),
        ({"$ref": "#/$defs/none"}, None),
        (True, None),
    ],
)
def test_a_value_fits_its_schema(schema: Any, value: Any) -> None:
    assert schema_value(schema, PROMPT) == value


@pytest.mark.parametrize(
    ("kind", "python"),
    [
        ("STRING", str),
        ("number", int | float),
        ("INTEGER", int),
        ("boolean", bool),
        ("array", list),
    ],
)
def test_every_type_is_made(kind: str, python: Any) -> None:
    assert isinstance(schema_value({"type": kind}, PROMPT), python)


def test_an_object_has_its_members_in_their_order() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {
            "label": {"type": "STRING", "enum": ["positive", "negative"]},
            "score": {"type": "NUMBER", "minimum": 0, "maximum": 1},
            "tags": {"type": "ARRAY", "items": {"type": "STRING"}},
        },
        "propertyOrdering": ["score", "label"],
    }
    value = schema_value(schema, PROMPT)
    assert list(value) == ["score", "label", "tags"]
    assert value["label"] == "positive"
    assert 0 <= value["score"] <= 1
    assert all(isinstance(tag, str) for tag in value["tags"])
    assert value == schema_value(schema, PROMPT)


@pytest.mark.parametrize("text", [f"text {number}" for number in range(20)])
def test_numbers_stay_within_their_bounds(text: str) -> None:
    assert -5 <= schema_value({"type": "integer", "minimum": -5, "maximum": 3}, text) <= 3
    assert schema_value({"type": "integer", "maximum": -1000}, text) <= -1000
    assert schema_value({"type": "number", "minimum": 1e6}, text) >= 1e6


@pytest.mark.parametrize("required", [[], ["children"]])
def test_a_recursive_schema_ends(required: list[str]) -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
        "required": required,
    }
    assert "children" in schema_value({"$ref": "#/$defs/Node", "$defs": {"Node": node}}, PROMPT)


def test_a_tree_with_required_branches_ends_where_they_may_be_null() -> None:
    branch = {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}
    node = {
        "type": "object",
        "properties": dict.fromkeys(("left", "middle", "right"), branch),
        "required": ["left", "middle", "right"],
    }
    value = schema_value({"$ref": "#/$defs/Node", "$defs": {"Node": node}}, PROMPT)
    while value is not None:
        assert set(value) == {"left", "middle", "right"}
        value = value["left"]


def test_a_value_without_an_end_is_refused() -> None:
    node = {
        "type": "object",
        "properties": {key: {"$ref": "#"} for key in "ab"},
        "required": ["a", "b"],
    }
    with pytest.raises(ValueError, match="too large"):
        schema_value(node, PROMPT)


def test_a_reference_to_itself_ends() -> None:
    assert schema_value({"$ref": "#"}, PROMPT) is None
