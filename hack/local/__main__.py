"""`python -m local binaries | up | down | demo`: what the make targets of these names run."""

from pathlib import Path

import click

from local import binaries as programs
from local import command_line, stack
from local import demo as demonstration
from local.command_line import reporter

STATE = Path(__file__).parents[2] / ".local"

state_option = click.option(
    "--state",
    default=STATE,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for data, logs, pid files and keys.  [default: .local in the repository]",
)


@click.group()
def cli() -> None:
    """A local Kubernetes control plane with the Gemini emulator, an S3 server and this operator."""


@cli.command()
def binaries() -> None:
    """Find or build etcd, kube-apiserver, kube-controller-manager, kubectl, Helm and versitygw."""
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


if __name__ == "__main__":
    command_line.run(cli)
