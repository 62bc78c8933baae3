"""Turns a pydantic model into a structural schema, the form of schema that a CRD requires.

Source: the Kubernetes documentation on custom resources, "Specifying a structural schema": no
`$ref`, no `$defs`, no `anyOf` that carries types, no `const`, no `null`; every node has a type.
"""

from typing import Any

from pydantic import BaseModel

from gemini_operator.api.rules import KEY

Schema = dict[str, Any]

# Without a format, clients in typed languages read an integer as 32 bits.
INTEGER = {"type": "integer", "format": "int64"}
NESTED = ("items", "additionalProperties")
PYDANTIC_ONLY = ("title", "$defs")


def structural_schema(model: type[BaseModel], *, defaults: bool) -> Schema:
    """Return the structural schema of a model.

    Args:
        model: its fields and their descriptions.
        defaults: keep the defaults, which the API server fills in.

    Raises:
        TypeError: the model has a union, which a structural schema cannot express.
    """
    schema = model.model_json_schema(by_alias=True)
    return _node(schema, schema.get("$defs", {}), defaults=defaults)


def _node(schema: Schema, definitions: Schema, *, defaults: bool) -> Schema:
    node = _resolved(schema, definitions)
    for name in PYDANTIC_ONLY:
        node.pop(name, None)
    if not defaults or node.get("default") is None:
        node.pop("default", None)
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if node.get("type") == "integer":
        node.update(INTEGER)
    if "description" in node:
        node["description"] = " ".join(node["description"].split())
    for name in NESTED:
        if isinstance(node.get(name), dict):
            node[name] = _node(node[name], definitions, defaults=defaults)
    if "properties" in node:
        node["properties"] = {
            name: _node(member, definitions, defaults=defaults)
            for name, member in node["properties"].items()
        }
    return {name: node[name] for name in sorted(node, key=_place) if node[name] is not None}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """Return the node with references followed, and without the null of an optional member."""
    node = dict(schema)
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            inner = definitions[node.pop("$ref").removeprefix("#/$defs/")]
        else:
            choices = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
            if len(choices) != 1:
                raise TypeError(f"a structural schema has no unions, found {choices}")
            inner = choices[0]
        # Rules of both count: merging the dictionaries would drop those of the referenced node.
        found = [*inner.get(KEY, ()), *node.get(KEY, ())]
        node = {**inner, **node, **({KEY: found} if found else {})}
    return node


def _place(name: str) -> tuple[int, str]:
    """Return a sort key: what readers look for comes first, long members come last."""
    order = ("description", "type", "format", "enum", "default")
    last = ("required", "properties", "items", "additionalProperties", KEY)
    if name in order:
        return order.index(name), name
    return (100 + last.index(name) if name in last else 50), name
