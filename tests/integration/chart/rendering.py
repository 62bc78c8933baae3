"""What Helm makes of the chart."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from local import binaries, chart

JSON = dict[str, Any]


def render(
    values: Mapping[str, Any] | None = None,
    *,
    name: str = chart.RELEASE,
    namespace: str = "gemini-operator",
) -> list[JSON]:
    """The objects of a release. Raises ChartError."""
    found: list[JSON] = json.loads(
        _rendered(json.dumps(values or {}, sort_keys=True), name, namespace)
    )
    return found


@cache
def _rendered(values: str, name: str, namespace: str) -> str:
    helm = binaries.present().helm
    return json.dumps(chart.render(helm, json.loads(values), namespace=namespace, release=name))


def nested(path: str, value: Any) -> JSON:
    """`{"a": {"b": value}}` for the path a.b."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


def merged(parts: Sequence[Mapping[str, Any]]) -> JSON:
    """All the values together; of two values for one path the later one counts."""
    found: JSON = {}
    for part in parts:
        for key, value in part.items():
            known = found.get(key)
            if isinstance(known, dict) and isinstance(value, dict):
                value = merged([known, value])  # noqa: PLW2901
            found[key] = value
    return found


def one(objects: Sequence[JSON], kind: str, ending: str = "") -> JSON:
    """The object of that kind whose name has that ending."""
    found = [o for o in objects if o["kind"] == kind and o["metadata"]["name"].endswith(ending)]
    assert len(found) == 1, f"{len(found)} objects are a {kind} …{ending}"
    return found[0]


def at(value: Any, path: str) -> Any:
    """The member at a path such as spec.ports.0.port; None if there is none."""
    for name in (part.replace("~", "/") for part in path.split("/")):
        if isinstance(value, list):
            value = value[int(name)] if int(name) < len(value) else None
        else:
            value = (value or {}).get(name)
    return value
