"""The options of each command, as click knows them."""

from importlib import import_module

import click

from documents.table import code, table
from gemini_operator.cli import COMMANDS

HEAD = ("flag", "value", "default", "meaning")


def command(name: str) -> click.Command:
    """The click command of that name."""
    found = getattr(import_module(COMMANDS[name]), name)
    if not isinstance(found, click.Command):
        raise TypeError(f"{COMMANDS[name]} has no command {name}")
    return found


def options(name: str) -> list[click.Option]:
    """The command's options, `--help` aside."""
    return [option for option in command(name).params if isinstance(option, click.Option)]


def flags(name: str) -> str:
    """One row for each option of a command."""
    chosen = command(name)
    context = click.Context(chosen, **chosen.context_settings)
    return table(HEAD, (_row(option, context) for option in options(name)))


def _row(option: click.Option, context: click.Context) -> list[str]:
    extra = option.get_help_extra(context)
    default = "required" if option.required else code(extra.get("default", ""))
    return [code(option.opts[0]), _value(option), default, option.help or ""]


def _value(option: click.Option) -> str:
    """What may stand after the flag; nothing for a switch."""
    if option.is_flag:
        return "switch"
    if isinstance(option.type, click.Choice):
        return " or ".join(code(str(choice)) for choice in option.type.choices)
    name = option.metavar or _NAMES.get(type(option.type), "text")
    least, most = getattr(option.type, "min", None), getattr(option.type, "max", None)
    if least is not None and most is not None:
        name += f", {least:g} to {most:g}"
    elif least is not None:
        name += f", at least {least:g}"
    return name + (", repeatable" if option.multiple else "")


_NAMES = {
    click.IntRange: "whole number",
    click.FloatRange: "number",
    click.Path: "path",
}
