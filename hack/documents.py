"""`python -m documents` writes the tables of docs/ that come from the code."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from prometheus_client.metrics import MetricWrapperBase

from gemini_operator.api.condition_types import ConditionType
from gemini_operator.api.crd import custom_resource_definition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.base import metrics
from gemini_operator.cli import COMMANDS
from local import binaries, chart
from local.places import HELM

PROJECT = Path(__file__).parents[1]
PAGES = PROJECT / "docs"
PACKAGE = PROJECT / "operator" / "gemini_operator"

Row = Sequence[str]
Schema = Mapping[str, Any]


def main() -> None:
    """Write the pages that changed, and name them."""
    for page, text in stale().items():
        page.write_text(text, encoding="utf-8")
        print(page.relative_to(PROJECT))


# Pages: a table stands between two comments that name it.

_BLOCK = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[a-z ]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL
)


def stale() -> dict[Path, str]:
    """The pages whose tables are old, each with its new text."""
    found = {}
    for page in sorted(PAGES.glob("**/*.md")):
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            found[page] = new
    return found


def renewed(text: str) -> str:
    """The page with its tables as they should be. Raise KeyError for one that nobody makes."""
    return _BLOCK.sub(lambda m: f"{m['begin']}\n{TABLES[m['name']]()}\n\n{m['end']}", text)


def tables_of(text: str) -> list[str]:
    """The names of the tables that a page holds."""
    return [match["name"] for match in _BLOCK.finditer(text)]


# Markdown


def table(head: Row, rows: Iterable[Row]) -> str:
    """One line a row; a bar or a line break in a cell is kept from ending it."""
    rule = ["---"] * len(head)
    return "\n".join(_line(row) for row in (head, rule, *rows))


def code(text: str) -> str:
    """Inline code, or nothing for nothing."""
    return f"`{text}`" if text else ""


def _line(row: Row) -> str:
    cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
    return f"| {' | '.join(cells)} |"


# States, conditions, reasons


def states() -> str:
    """One row for each word of `status.state`."""
    return table(("state", "meaning"), ([code(each), each.meaning] for each in State))


def reasons() -> str:
    """One row for each reason of conditions and Events."""
    return table(("reason", "message"), ([code(each), each.message] for each in Reason))


def conditions() -> str:
    """One row for each type of condition, and one for the reasons that only Events have."""
    rows = [[code(each), each.meaning, _reasons_of(each)] for each in ConditionType]
    only_event = "Something happened that only an Event reports."
    rows.append(["none, an Event only", only_event, _reasons_of(None)])
    return table(("condition", "means", "reasons"), rows)


def _reasons_of(kind: ConditionType | None) -> str:
    return ", ".join(code(each) for each in Reason if kind in (each.conditions or (None,)))


# Flags: the options of each command, as click knows them.


def flags(name: str) -> str:
    """One row for each option of a command."""
    chosen = command(name)
    context = click.Context(chosen, **chosen.context_settings)
    head = ("flag", "value", "default", "meaning")
    return table(head, (_flag_row(option, context) for option in options(name)))


def command(name: str) -> click.Command:
    """The click command of that name."""
    found = getattr(import_module(COMMANDS[name]), name)
    if not isinstance(found, click.Command):
        raise TypeError(f"{COMMANDS[name]} has no command {name}")
    return found


def options(name: str) -> list[click.Option]:
    """The command's options, `--help` aside."""
    return [option for option in command(name).params if isinstance(option, click.Option)]


def _flag_row(option: click.Option, context: click.Context) -> Row:
    extra = option.get_help_extra(context)
    default = "required" if option.required else code(extra.get("default", ""))
    return [code(option.opts[0]), _flag_value(option), default, option.help or ""]


def _flag_value(option: click.Option) -> str:
    """What may stand after the flag; nothing for a switch."""
    if option.is_flag:
        return "switch"
    if isinstance(option.type, click.Choice):
        return " or ".join(code(str(choice)) for choice in option.type.choices)
    name = option.metavar or _FLAG_TYPES.get(type(option.type), "text")
    least, most = getattr(option.type, "min", None), getattr(option.type, "max", None)
    if least is not None and most is not None:
        name += f", {least:g} to {most:g}"
    elif least is not None:
        name += f", at least {least:g}"
    return name + (", repeatable" if option.multiple else "")


_FLAG_TYPES = {
    click.IntRange: "whole number",
    click.FloatRange: "number",
    click.Path: "path",
}


# Fields of the custom resource, as its schema describes them


def fields(part: str) -> str:
    """One row for each field below `spec` or `status`."""
    head = ("field", "type, default", "meaning")
    return table(head, (_field_row(*found) for found in described(part)))


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


def _field_row(path: str, schema: Schema, required: bool) -> Row:
    facts = [_field_type(schema)]
    if required:
        facts.append("required")
    if "default" in schema:
        default = str(schema["default"])
        facts.append(code(default.lower() if schema["type"] == "boolean" else default))
    return [code(path), ", ".join(facts), schema.get("description", "")]


def _field_type(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(code(value) for value in schema["enum"])
    if "additionalProperties" in schema:
        return f"map of {schema['additionalProperties']['type']}s"
    if schema["type"] == "array":
        return "list"
    return str(schema.get("format") or schema["type"])


# Metrics, under the names that Prometheus sees

# The packages that both processes import.
_SHARED = {"base", "callbacks", "kube"}
# Those that only the controller imports.
_CONTROLLER = {"controller", "gemini", "payload"}


def metrics_table() -> str:
    """One row for each metric of our own."""
    head = ("metric", "type", "labels", "set by", "meaning")
    return table(head, (_metric_row(*found) for found in every_metric()))


def every_metric() -> Iterator[tuple[str, MetricWrapperBase]]:
    """The name in the code and the metric."""
    for name, value in vars(metrics).items():
        if isinstance(value, MetricWrapperBase):
            yield name, value


def exposed(metric: MetricWrapperBase) -> str:
    """The name of the series, or of the family of series."""
    found = next(iter(metric.describe()))
    return found.name + ("_total" if found.type == "counter" else "")


def set_by(name: str) -> str:
    """The processes that ever change the metric."""
    use = re.compile(rf"\bmetrics\.{name}\b")
    packages = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.glob("*/**/*.py")
        if use.search(path.read_text(encoding="utf-8"))
    }
    if packages & _SHARED:
        return "both"
    if "receiver" in packages:
        return "receiver"
    return "controller" if packages & _CONTROLLER else "not yet"


def _metric_row(name: str, metric: MetricWrapperBase) -> Row:
    found = next(iter(metric.describe()))
    labels = ", ".join(code(label) for label in metric._labelnames)  # noqa: SLF001 - no other way
    return [code(exposed(metric)), found.type, labels, set_by(name), found.documentation]


# Rights of each process, as the chart grants them


def access(role: str) -> str:
    """One row for each rule of the role whose name ends so. Raise LocalError without Helm."""
    helm = binaries.build_missing({"helm": HELM}, print, os.environ)["helm"]
    rules = chart.rules(chart.rights(helm, {}, namespace=chart.RELEASE), role)
    head = ("API group", "resource", "names", "verbs")
    return table(head, (_access_row(rule) for rule in rules))


def _access_row(rule: dict[str, list[str]]) -> Row:
    return [
        ", ".join(code(each) or "core" for each in rule["apiGroups"]),
        ", ".join(map(code, rule["resources"])),
        ", ".join(map(code, rule.get("resourceNames", ()))) or "any",
        ", ".join(map(code, rule["verbs"])),
    ]


TABLES: Mapping[str, Callable[[], str]] = {
    **{f"flags {name}": partial(flags, name) for name in COMMANDS},
    "fields spec": partial(fields, "spec"),
    "fields status": partial(fields, "status"),
    "conditions": conditions,
    "reasons": reasons,
    "states": states,
    "metrics": metrics_table,
    "access controller": partial(access, "-controller"),
    "access leader": partial(access, "-leader-election"),
    "access receiver": partial(access, "-receiver"),
}

if __name__ == "__main__":
    main()
