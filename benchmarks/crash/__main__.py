"""`python -m benchmarks.crash`: the kill table, on a control plane of its own."""

import os
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.crash import report
from benchmarks.crash.journal import Moment
from benchmarks.crash.rows import Verdict
from benchmarks.crash.runs import Run, Selection
from benchmarks.crash.tables import TABLES
from local import binaries, cluster
from local.control_plane import ControlPlane

FOREIGN = ("GEMINI_", "GOOGLE_")
KEPT = "GEMINI_OPERATOR_CACHE"


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option(
    "--table", type=click.Choice([table.name for table in TABLES]), help="Only this table."
)
@click.option("--life", help="Only this life.")
@click.option("--step", help='Only this step, such as "batches.create" or "batches.get #2".')
@click.option("--moment", type=click.Choice([*Moment]), help="Only this moment.")
@click.option(
    "--lanes", default=os.cpu_count() or 1, type=click.IntRange(1, 8), help="Rows played at once."
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write here too."
)
def main(table: str | None, lanes: int, file: Path | None, **selected: str | None) -> None:
    """Kill a process at every outward call of a job's life, and count what that costs."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) and name != KEPT]:
        del os.environ[name]
    verdicts = _verdicts(
        table, Selection(selected["life"], selected["step"], selected["moment"]), lanes
    )
    click.echo(report.table(verdicts))
    click.echo(report.totals(verdicts))
    if file is not None:
        report.write_json(file, verdicts)
    sys.exit(not all(verdict.good for verdict in verdicts))


def _verdicts(wanted: str | None, selection: Selection, lanes: int) -> list[Verdict]:
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="gemini-operator-crash-") as name:
        directory = Path(name)
        with ControlPlane(directory / "plane", binaries.ensure(click.echo)) as plane:
            cluster.apply_crds(plane)
            for table in TABLES:
                if wanted in (None, table.name):
                    with Run(plane, directory, table, lanes=lanes, report=click.echo) as run:
                        verdicts += run.verdicts(selection)
    return verdicts


if __name__ == "__main__":
    main()
