"""The fields of the custom resource, as its schema describes them."""

from collections.abc import Iterator, Mapping
from typing import Any

from documents.table import code, table
from gemini_operator.api.crd import custom_resource_definition

HEAD = ("field", "type, default", "meaning")

Schema = Mapping[str, Any]


def fields(part: str) -> str:
    """One row for each field below `spec` or `status`."""
    return table(HEAD, (_row(*found) for found in described(part)))


def described(part: str) -> Iterator[tuple[str, Schema, bool]]:
    """Each field's path, its schema, and whether it is required, in the order of the schema."""
    version = custom_resource_definition()["spec"]["versions"][0]
    root = version["schema"]["openAPIV3Schema"]["properties"][part]
    yield from _below(part, root)


def _below(path: str, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        place = f"{path}.{name}"
        if member["type"] == "array":
            place += "[]"
        yield place, member, name in required
        yield from _below(place, member.get("items", member))


def _row(path: str, schema: Schema, required: bool) -> list[str]:
    facts = [_type(schema)]
    if required:
        facts.append("required")
    if "default" in schema:
        facts.append(
            code(
                str(schema["default"]).lower()
                if schema["type"] == "boolean"
                else str(schema["default"])
            )
        )
    return [code(path), ", ".join(facts), schema.get("description", "")]


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    if "additionalProperties" in schema:
        return f"map of {schema['additionalProperties']['type']}s"
    if schema["type"] == "array":
        return "list"
    return str(schema.get("format") or schema["type"])
