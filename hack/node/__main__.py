"""`python -m node check | up | image | load | down`: a single-node cluster for end-to-end tests."""

from pathlib import Path

import click

from local import command_line
from local.command_line import reporter
from local.errors import LocalError
from node import binaries, images, requirements
from node import node as nodes

directory_option = click.option(
    "--directory",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for state, logs and pid files, outside /run and /var.",
)


@click.group()
def cli() -> None:
    """A single-node Kubernetes cluster with real pods. It needs Linux and root."""


@cli.command()
@click.option("--before-install", is_flag=True, help="Ignore missing packages: `up` installs them.")
def check(before_install: bool) -> None:
    """Say in one line why no node can run here. Silent if one can."""
    if reason := requirements.unfit() if before_install else requirements.check():
        raise LocalError(reason)


@cli.command()
@directory_option
def up(directory: Path) -> None:
    """Start what is not running, and leave it running. Prints the kubeconfig's path at the end."""
    report = reporter()
    requirements.ensure(report)
    requirements.check_directory(directory)
    found = binaries.ensure(report)
    pause = images.ensure_pause(report)
    kubeconfig = nodes.Node(directory, found, report).up(pause)
    report("ready")
    click.echo(kubeconfig)


@cli.command()
@directory_option
@click.option("--image", default=images.IMAGE, show_default=True, help="The image's name.")
def image(directory: Path, image: str) -> None:
    """Build this project's image with a stand-in base. Prints the path of its docker-archive."""
    report = reporter()
    requirements.ensure(report)
    archive = images.build_image(directory.resolve() / "image.tar", image, report)
    report("done")
    click.echo(archive)


@cli.command()
@directory_option
@click.argument("archive", type=click.Path(dir_okay=False, path_type=Path))
def load(directory: Path, archive: Path) -> None:
    """Import a docker-archive, so that pods can use its image."""
    report = reporter()
    nodes.Node(directory, binaries.ensure(report), report).load(archive)
    report(f"loaded {archive}")


@cli.command()
@directory_option
def down(directory: Path) -> None:
    """End what `up` started and remove its state. Logs stay."""
    report = reporter()
    nodes.down(directory, report)
    report("stopped")


if __name__ == "__main__":
    command_line.run(cli)
