"""`python -m local binaries | up | down | demo`: what the make targets of these names run."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from local import binaries as programs
from local import demo as demonstration
from local import stack
from local.errors import LocalError

STATE = Path(__file__).parents[2] / ".local"

state_option = click.option(
    "--state",
    default=STATE,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for data, logs, pid files and keys.  [default: .local in the repository]",
)


def reporter() -> Callable[[str], None]:
    """Print each step with the seconds since the first."""
    start = time.monotonic()

    def report(line: str) -> None:
        stamp = f"{time.monotonic() - start:5.1f} s  "
        click.echo(stamp + line.replace("\n", "\n" + " " * len(stamp)))

    return report


@click.group()
def cli() -> None:
    """A local Kubernetes control plane with the Gemini emulator and this operator."""


@cli.command()
def binaries() -> None:
    """Find or build etcd, kube-apiserver, kube-controller-manager, kubectl and Helm."""
    found = programs.ensure(click.echo)
    for name, path in vars(found).items():
        click.echo(f"{name.replace('_', '-'):<24} {path}")


@cli.command()
@state_option
@click.option(
    "--schedule",
    help="How long the emulator's batches are pending and running.  [default: pending=1s,running=2s]",
)
def up(state: Path, schedule: str | None) -> None:
    """Start what is not running, and leave it running."""
    report = reporter()
    stack.Stack(state, programs.ensure(report), report, tethered=False, schedule=schedule).up()
    report("ready")
    click.echo(f"\nsource {_short(state / 'env')}    # then kubectl talks to it\nmake down")


@cli.command()
@state_option
def down(state: Path) -> None:
    """Stop what `up` started. Data and logs stay."""
    stack.down(state, reporter())


@cli.command()
def demo() -> None:
    """Run the basic examples from kubectl apply to their results, then stop everything."""
    report = reporter()
    demonstration.run(report)
    report("done; everything is stopped")


def _short(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _end(number: int, _frame: object) -> None:
    """Other signals end us as Ctrl-C does: through every `finally`."""
    sys.exit(128 + number)


def main() -> None:
    """A failure is one line on standard error."""
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


if __name__ == "__main__":
    main()
