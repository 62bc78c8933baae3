"""What the benchmarks share: the processes on this machine, and how figures are shown."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from local import binaries, cluster
from local.control_plane import ControlPlane
from tests.emulator_process import EmulatorProcess
from tests.operator_process import Operator, kubeconfigs

T = TypeVar("T")

NEVER = "pending=10h,running=10h"
"""The schedule of batches that end when a benchmark says so."""

MANY = "100000"
"""More open batches than any benchmark has."""

SENDERS = 16

Row = dict[str, float]
"""Figures by their names."""

json_option = click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False))


@dataclass
class Surroundings:
    """An API server, the emulator, and an operator whose processes are not started yet."""

    plane: ControlPlane
    emulator: EmulatorProcess
    operator: Operator
    accounts: Mapping[str, Path]
    stack: ExitStack
    """What is entered here ends before the rest does."""


@contextmanager
def surroundings(directory: Path, namespace: str) -> Iterator[Surroundings]:
    """Start the API server and the emulator, in `directory`; end everything afterwards."""
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(directory / "plane", binaries.present()))
        cluster.apply_crds(plane)
        plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        options = ("--schedule", NEVER, "--max-open-batches", MANY)
        emulator = stack.enter_context(EmulatorProcess(directory / "emulator", *options))
        accounts = kubeconfigs(plane, namespace, directory)
        operator = Operator(namespace, plane, directory, emulator, accounts)
        stack.callback(operator.receiver.stop)
        stack.callback(operator.controller.stop)
        yield Surroundings(plane, emulator, operator, accounts, stack)


def at_once(call: Callable[[T], object], items: Iterable[T]) -> float:
    """Call it for each item, several at a time; returns the seconds."""
    begun = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(call, items))
    return time.monotonic() - begun


def quantiles(values: Sequence[float]) -> Row:
    values = sorted(values)
    return {
        "median": statistics.median(values),
        "p99": values[int(len(values) * 0.99)],
        "worst": values[-1],
    }


def show(what: str, row: Row, *, width: int = 50) -> None:
    """Print one line of figures."""
    figures = "  ".join(f"{name} {value:,.2f}" for name, value in row.items())
    click.echo(f"{what:<{width}} {figures}")


def save(measured: Mapping[str, Row], file: Path | None) -> None:
    """Write all figures as JSON, if a file is named."""
    if file is not None:
        file.write_text(json.dumps(measured, indent=2) + "\n")
