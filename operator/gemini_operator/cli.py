"""The command line: one program, one sub-command for each process."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

import click

COMMANDS = {
    "controller": "gemini_operator.controller.command",
    "receiver": "gemini_operator.receiver.command",
    "emulator": "gemini_emulator.command",
    "crds": "gemini_operator.api.command",
}


class LazyGroup(click.Group):
    """Imports a sub-command only when it is used; so the receiver never loads the Gemini SDK."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", getattr(import_module(COMMANDS[cmd_name]), cmd_name))


@click.group(cls=LazyGroup, context_settings={"max_content_width": 100})
@click.version_option(package_name="gemini-operator")
def cli() -> None:
    """Run long Gemini API jobs as Kubernetes objects."""


def main(run: Callable[..., Any] = cli) -> None:
    """Run the program. A user's mistake is one line on standard error, and exit status 2."""
    try:
        sys.exit(run(standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"gemini-operator: error: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
