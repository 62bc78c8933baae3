"""`make crash`: the kill table, on a control plane of its own."""

import os
import sys
import tempfile
from pathlib import Path

import click

from local import binaries, cluster
from local.control_plane import ControlPlane
from tests.crash import report
from tests.crash.cases import CaseResult
from tests.crash.journal import Moment
from tests.crash.runs import Run, Selection
from tests.crash.tables import TABLES

FOREIGN = ("GEMINI_", "GOOGLE_")
KEPT = "GEMINI_OPERATOR_CACHE"


@click.command(context_settings={"show_default": True, "max_content_width": 100})
@click.option(
    "--table", type=click.Choice([table.name for table in TABLES]), help="Only this table."
)
@click.option("--scenario", help="Only this scenario.")
@click.option("--call", help='Only this call, such as "batches.create" or "batches.get #2".')
@click.option("--moment", type=click.Choice([*Moment]), help="Only this moment.")
@click.option(
    "--runners",
    default=os.cpu_count() or 1,
    type=click.IntRange(1, 8),
    help="Cases played at once.",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write here too."
)
def main(table: str | None, runners: int, file: Path | None, **selected: str | None) -> None:
    """Kill a process at every outward call of each scenario, and count what that costs."""
    for name in [name for name in os.environ if name.startswith(FOREIGN) and name != KEPT]:
        del os.environ[name]
    results = _results(
        table, Selection(selected["scenario"], selected["call"], selected["moment"]), runners
    )
    click.echo(report.table(results))
    click.echo(report.totals(results))
    if file is not None:
        report.write_json(file, results)
    sys.exit(not all(result.good for result in results))


def _results(wanted: str | None, selection: Selection, runners: int) -> list[CaseResult]:
    results: list[CaseResult] = []
    with tempfile.TemporaryDirectory(prefix="gemini-operator-crash-") as name:
        directory = Path(name)
        with ControlPlane(directory / "plane", binaries.ensure(click.echo)) as plane:
            cluster.apply_crds(plane)
            for table in TABLES:
                if wanted in (None, table.name):
                    with Run(plane, directory, table, runners=runners, report=click.echo) as run:
                        results += run.results(selection)
    return results


if __name__ == "__main__":
    main()
