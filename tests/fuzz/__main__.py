"""`make fuzz`: every target for some minutes, or a crash once more."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from tests.fuzz import targets
from tests.fuzz.run import Run, run

ROW = "{:<12} {:>12} {:>10} {:>7} {:>9}  {}"


@click.command(context_settings={"show_default": True})
@click.option(
    "--seconds", default=600, type=click.IntRange(1), help="How long each target is fuzzed."
)
@click.option(
    "--directory",
    default=Path("build/fuzz"),
    type=click.Path(path_type=Path, file_okay=False),
    help="Takes new inputs, which the next run starts from, and crashes.",
)
@click.option(
    "--replay",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Run this input through the target and do not fuzz.",
)
@click.argument("names", nargs=-1, type=click.Choice(targets.NAMES), metavar="[TARGET]…")
def main(seconds: int, directory: Path, file: Path | None, names: Sequence[str]) -> None:
    """Fuzz these targets, or all of them, one after the other."""
    if file is not None:
        for name in names:
            targets.replay(name, file)
        return
    runs = [_run(name, seconds, directory) for name in names or targets.NAMES]
    click.echo(_table(runs))
    for found in runs:
        if found.crash is not None:
            click.echo(f"again: python -m tests.fuzz --replay {found.crash} {found.target}")
    sys.exit(not all(found.good for found in runs))


def _run(name: str, seconds: int, directory: Path) -> Run:
    click.echo(f"{name}: {seconds} seconds")
    return run(name, seconds, directory, click.echo)


def _table(runs: Sequence[Run]) -> str:
    head = ROW.format("target", "executions", "per second", "corpus", "features", "result")
    rows = [
        ROW.format(run.target, run.executions, run.speed, run.corpus, run.features, run.result)
        for run in runs
    ]
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
