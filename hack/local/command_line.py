"""What the commands of the developers' tools share: how they report steps, and how they end."""

import signal
import sys
import time
from collections.abc import Callable

import click

from local.errors import LocalError


def reporter() -> Callable[[str], None]:
    """Print each step with the seconds since the first."""
    start = time.monotonic()

    def report(line: str) -> None:
        stamp = f"{time.monotonic() - start:5.1f} s  "
        click.echo(stamp + line.replace("\n", "\n" + " " * len(stamp)))

    return report


def run(cli: click.Command) -> None:
    """Run the command. A failure is one line on standard error."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        cli(standalone_mode=False)
    except LocalError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nstopped", err=True)
        sys.exit(130)


def _end(number: int, _frame: object) -> None:
    """Other signals end us as Ctrl-C does: through every `finally`."""
    sys.exit(128 + number)
