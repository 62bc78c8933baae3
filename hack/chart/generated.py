"""The files of the chart that are generated: from the models of the values, and from the CRD."""

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from chart.model import Values
from chart.values import ChartValues
from gemini_operator.api import crd

CHART = Path(__file__).parents[2] / "charts" / "gemini-operator"

WIDTH = 100

_TABLE = re.compile(r"(<!-- generated: values -->\n).*?(<!-- end -->)", re.DOTALL)


def files() -> dict[Path, str]:
    """Every generated file with its text."""
    readme = CHART / "README.md"
    return {
        CHART / "values.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        CHART / "values.yaml": values_yaml(),
        CHART / "files" / "crds" / crd.FILE_NAME: crd.render(),
        readme: _TABLE.sub(
            lambda found: f"{found[1]}\n{table()}\n\n{found[2]}", readme.read_text("utf-8")
        ),
    }


def schema() -> dict[str, Any]:
    """The closed JSON schema of the values, in the draft that Helm 3 and 4 read."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        **_without_titles(_inlined(ChartValues.model_json_schema())),
    }


def leaves() -> dict[str, Any]:
    """Every value that has no members of its own, by its path: `controller.replicas`."""
    return {path: default for path, _, default in _leaves(ChartValues(), "")}


def values_yaml() -> str:
    """The defaults, each below its description."""
    head = "# Values of the chart. Generated from hack/chart: change the models, then run `make chart`.\n"
    return head + "".join(_yaml_of(ChartValues(), 0))


def table() -> str:
    """One row for each value, in Markdown."""
    rows = ["| value | default | meaning |", "| --- | --- | --- |"]
    for path, field, default in _leaves(ChartValues(), ""):
        shown = json.dumps(default, ensure_ascii=False)
        cells = (f"`{path}`", f"`{shown}`", " ".join(str(field.description).split()))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def _leaves(values: Values, before: str) -> Iterator[tuple[str, FieldInfo, Any]]:
    for name, field in type(values).model_fields.items():
        path, value = f"{before}{field.alias}", getattr(values, name)
        if isinstance(value, Values):
            yield from _leaves(value, f"{path}.")
        else:
            yield path, field, value


def _yaml_of(values: Values, level: int) -> Iterator[str]:
    indent = "  " * level
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if not level:
            yield "\n"
        for line in textwrap.wrap(str(field.description), WIDTH - len(indent) - 2):
            yield f"{indent}# {line}\n"
        if isinstance(value, Values):
            yield f"{indent}{field.alias}:\n"
            yield from _yaml_of(value, level + 1)
        else:
            text = yaml.safe_dump({field.alias: value}, sort_keys=False, width=WIDTH)
            yield textwrap.indent(text, indent)


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without `$defs`: each definition where it is used, below its field's description."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = definitions[node["$ref"].rpartition("/")[2]]
            node = {**target, **{key: node[key] for key in node if key != "$ref"}}
        return {key: inline(value) for key, value in node.items()}

    found: dict[str, Any] = inline(schema)
    return found


def _without_titles(node: Any) -> Any:
    """Drop the titles that pydantic adds: they say no more than the names."""
    if isinstance(node, list):
        return [_without_titles(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
