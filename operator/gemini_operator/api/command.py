"""The command `gemini-operator crds`: print, write or check the CustomResourceDefinition."""

from pathlib import Path

import click

from gemini_operator.api.crd import FILE_NAME, render
from gemini_operator.base.flags import CONTEXT

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings=CONTEXT, short_help="Print the CustomResourceDefinition as YAML.")
@click.option("--output", type=FOLDER, help="Write the CRD into this folder.")
@click.option("--check", type=FOLDER, help="Fail if the CRD in this folder is out of date.")
def crds(output: Path | None, check: Path | None) -> None:
    """Print the CustomResourceDefinition, generated from the models, as YAML."""
    if output is not None and check is not None:
        raise click.UsageError("--output writes and --check compares: use one of them.")
    if check is not None:
        _compare(check / FILE_NAME)
    elif output is not None:
        _write(output / FILE_NAME)
    else:
        click.echo(render(), nl=False)


def _compare(path: Path) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != render():
        raise click.ClickException(f"{path} is stale: run `make crds` and commit the result.")


def _write(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}.") from None
