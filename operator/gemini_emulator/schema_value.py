"""Makes a value that fits the schema of a structured answer.

The schema is an OpenAPI schema (`responseSchema`, with types such as `OBJECT`) or a JSON schema
(`responseJsonSchema`). Patterns, lengths of objects and rules between members are not observed.
"""

import math
from collections.abc import Callable
from typing import Any

from gemini_emulator.generation import choose_option, generate_text, text_digest
from gemini_emulator.proto_json import member

_MAX_DEPTH = 32
_MAX_VALUES = 10_000
_OPTIONAL_DEPTH = 6
"""Below this depth only required members are made, and null where it is allowed.

So a recursive schema ends.
"""

_FORMATS = {
    "date-time": "2025-01-01T00:00:00Z",
    "date": "2025-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "email": "a@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_SPAN = 100
_MAX_ITEMS = 100


def schema_value(schema: Any, prompt: str) -> Any:
    """Return a value for the schema that depends on the prompt only.

    Raises:
        ValueError: the value would be too large. Other exceptions: the schema is malformed.
    """
    return _Maker(schema, prompt).value(schema, "", 0)


class _Maker:
    """Makes the values of one schema; `root` has the definitions that `$ref` refers to."""

    def __init__(self, root: Any, prompt: str) -> None:
        self._root = root
        self._prompt = prompt
        self._made = 0

    def value(self, schema: Any, path: str, depth: int) -> Any:
        self._made += 1
        if self._made > _MAX_VALUES:
            raise ValueError("the value would be too large")
        schema = self._resolved(schema)
        if not isinstance(schema, dict) or depth > _MAX_DEPTH:
            return None
        if "const" in schema:
            return schema["const"]
        if options := schema.get("enum"):
            return self._option(options)
        for name in ("anyOf", "oneOf", "allOf"):
            if choices := member(schema, name):
                return self.value(self._preferred(choices, depth), path, depth + 1)
        makers: dict[str, Callable[[dict[str, Any], str, int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
        }
        make = makers.get(_type(schema))
        return make(schema, path, depth) if make else None

    def _resolved(self, schema: Any) -> Any:
        """Follow `#/$defs/…`; a reference that leads nowhere is any value."""
        for _ in range(_MAX_DEPTH):
            reference = (
                (schema.get("$ref") or schema.get("ref")) if isinstance(schema, dict) else None
            )
            if not isinstance(reference, str):
                return schema
            schema = self._root
            for part in reference.removeprefix("#").strip("/").split("/"):
                schema = schema.get(part) if isinstance(schema, dict) and part else schema
        return None

    def _option(self, options: list[Any]) -> Any:
        words = {str(option): option for option in options}
        return words[choose_option(list(words), self._prompt)]

    def _preferred(self, choices: list[Any], depth: int) -> Any:
        """Return the first choice that is not null, or null when it is deep enough."""
        given = [self._resolved(choice) for choice in choices]
        deep = depth >= _OPTIONAL_DEPTH
        fitting = (c for c in given if isinstance(c, dict) and (_type(c) == "null") == deep)
        return next(fitting, given[0])

    def _object(self, schema: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        members = schema.get("properties") or {}
        required = schema.get("required") or []
        order = [name for name in member(schema, "propertyOrdering") or [] if name in members]
        return {
            name: self.value(members[name], f"{path}.{name}", depth + 1)
            for name in dict.fromkeys([*order, *members])
            if depth < _OPTIONAL_DEPTH or name in required
        }

    def _array(self, schema: dict[str, Any], path: str, depth: int) -> list[Any]:
        fewest = _bound(schema, "minItems", 0)
        most = _bound(schema, "maxItems", max(fewest, 1))
        size = fewest or (1 if depth < _OPTIONAL_DEPTH else 0)
        items = member(schema, "prefixItems") or []
        return [
            self.value(
                items[index] if index < len(items) else schema.get("items") or {"type": "string"},
                f"{path}[{index}]",
                depth + 1,
            )
            for index in range(int(min(max(size, len(items)), most, _MAX_ITEMS)))
        ]

    def _string(self, schema: dict[str, Any], path: str, depth: int) -> str:
        del path, depth
        if fixed := _FORMATS.get(str(schema.get("format"))):
            return fixed
        text = generate_text(self._prompt).ljust(int(_bound(schema, "minLength", 0)), ".")
        return text[: int(_bound(schema, "maxLength", len(text)))]

    def _integer(self, schema: dict[str, Any], path: str, depth: int) -> int:
        return round(self._number(schema, path, depth))

    def _number(self, schema: dict[str, Any], path: str, depth: int) -> float:
        """Return a whole number within the bounds, or the lower bound if there is none."""
        del depth
        top = _bound(schema, "maximum", math.inf)
        lowest = _bound(schema, "minimum", min(0, top - _SPAN))
        start = math.ceil(lowest)
        span = math.floor(min(top - start, _SPAN))
        return start + text_digest(f"{path} {self._prompt}") % (span + 1) if span >= 0 else lowest

    def _boolean(self, schema: dict[str, Any], path: str, depth: int) -> bool:
        del schema, depth
        return text_digest(f"{path} {self._prompt}") % 2 == 1


def _type(schema: dict[str, Any]) -> str:
    """Return the type in lower case; of several types the first that is not null."""
    given = schema.get("type")
    names = [str(name).lower() for name in (given if isinstance(given, list) else [given])]
    if names == ["none"]:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return next((name for name in names if name != "null"), "null")


def _bound(schema: dict[str, Any], name: str, default: float) -> float:
    """Return a bound, which proto JSON may write as a string."""
    try:
        return float(member(schema, name))
    except (TypeError, ValueError):
        return default
