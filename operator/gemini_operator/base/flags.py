"""A command's flags, declared as the fields of its settings.

@dataclass(frozen=True, kw_only=True)
class ControllerSettings:
    workers: int = flag("--workers", default=64, type=click.IntRange(1), help="Jobs at a time.")

@click.command(context_settings=CONTEXT, params=options(ControllerSettings))
def controller(**given: object) -> None:
    settings = build(ControllerSettings, given)
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import click

PREFIX = "GEMINI_OPERATOR"

CONTEXT: dict[str, Any] = {
    "auto_envvar_prefix": PREFIX,
    "show_default": True,
    "max_content_width": 100,
}
"""The settings of every command. Each flag can be set by a variable of the environment too."""

Settings = TypeVar("Settings")

# Kubernetes sets variables for each Service of a namespace: one that is called
# gemini-operator-metrics gives GEMINI_OPERATOR_METRICS_PORT=tcp://10.0.0.1:8081 to every pod.
SERVICE_ADDRESS = re.compile(r"(?:tcp|udp|sctp)://\S+")

_OPTION = "option"


class _Flag(click.Option):
    """An option that shows its variable, and ignores what Kubernetes puts there for a Service."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = super().resolve_envvar_value(ctx)
        return None if value is not None and SERVICE_ADDRESS.fullmatch(value) else value


def flag(
    name: str, *, default: Any = None, parse: Callable[[Any], Any] | None = None, **option: Any
) -> Any:
    """Declare a field of a settings dataclass that is a flag of the command.

    Args:
        name: of the flag, with its dashes. The field may have a shorter name.
        default: as a user would give it. The field's default is the same, parsed.
        parse: turns what the user gave into the field's value. Its `ValueError` becomes a usage
            error that begins with the flag. It is not called for a flag without value or default.
        option: whatever else `click.Option` takes, such as `help`, `type` and `is_flag`.
    """

    def parsed(value: Any) -> Any:
        return value if parse is None or value is None else parse(value)

    def checked(_context: click.Context, _option: click.Parameter, value: Any) -> Any:
        try:
            return parsed(value)
        except ValueError as error:
            raise click.UsageError(f"{name}: {error}") from error

    if default is not None:
        option["default"] = default
    # click shows no default that is empty.
    if not default and not option.get("required"):
        option.setdefault("show_default", "off" if default is False else "none")
    option["show_envvar"] = True
    metadata = {_OPTION: _Flag([name], callback=checked, **option)}
    if option.get("required"):
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=parsed(default), metadata=metadata)


def options(settings: type) -> list[click.Parameter]:
    """Return all flags of the settings, in the order of the fields; inherited ones come last."""
    own = settings.__annotations__
    fields = sorted(dataclasses.fields(settings), key=lambda each: each.name not in own)
    found: list[click.Parameter] = []
    for each in fields:
        if (group := _group(each)) is not None:
            found += options(group)
        elif _OPTION in each.metadata:
            found.append(each.metadata[_OPTION])
    return found


def build(settings: type[Settings], given: Mapping[str, Any]) -> Settings:
    """Make the settings from the parameters that click parsed.

    Raises:
        click.UsageError: the settings refuse the values.
    """
    try:
        return settings(**dict(_values(settings, given)))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _values(settings: type, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for each in dataclasses.fields(settings):
        if (group := _group(each)) is not None:
            yield each.name, build(group, given)
        elif _OPTION in each.metadata:
            yield each.name, given[each.metadata[_OPTION].name]


def _group(field: dataclasses.Field[Any]) -> type | None:
    """Return the class of a field that is a group, like `field(default_factory=GeminiSettings)`."""
    factory: object = field.default_factory
    return factory if isinstance(factory, type) and dataclasses.is_dataclass(factory) else None
