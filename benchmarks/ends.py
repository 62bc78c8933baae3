"""`python -m benchmarks.ends`: how fast ends of batches with one API key become ends of jobs.

The controller, the receiver, the emulator and the API server are real processes on this machine, so
only the ratios compare between machines.
"""

import contextlib
import json
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from benchmarks.surroundings import (
    MANY,
    SENDERS,
    Row,
    at_once,
    json_option,
    quantiles,
    save,
    show,
    surroundings,
)
from local.control_plane import ControlPlane
from local.errors import LocalError
from tests.emulator_process import EmulatorProcess
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

NAMESPACE = "ends"
PATIENCE = 120.0

_RECONCILES = re.compile(r'^gemini_operator_reconcile_total\{result="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Sightings:
    """When a watch first showed each job with a batch, an event and an end."""

    batches: dict[str, str] = field(default_factory=dict)
    delivered: dict[str, float] = field(default_factory=dict)
    complete: dict[str, float] = field(default_factory=dict)

    def note(self, body: dict[str, Any]) -> None:
        now, name, status = time.monotonic(), body["metadata"]["name"], body.get("status") or {}
        if status.get("batchName"):
            self.batches.setdefault(name, status["batchName"])
        if status.get("lastEvent"):
            self.delivered.setdefault(name, now)
        ended = {c["type"] for c in status.get("conditions") or () if c["status"] == "True"}
        if "Complete" in ended:
            self.complete.setdefault(name, now)


@dataclass
class Scene:
    """All processes, and a watch of the jobs."""

    plane: ControlPlane
    emulator: EmulatorProcess
    operator: Operator
    seen: Sightings

    def submit(self, prefix: str, count: int) -> list[str]:
        """Create jobs and return their names when all have a batch."""
        names = [f"{prefix}-{number}" for number in range(count)]
        at_once(
            lambda name: self.plane.api.request("POST", self.operator.path(), inline_job(name)),
            names,
        )
        eventually(
            lambda: all(name in self.seen.batches for name in names),
            timeout=PATIENCE,
            what="every job to have a batch",
        )
        return names

    def end(self, name: str) -> None:
        """Google ends the job's batch, and sends the callback."""
        self.emulator.job(self.seen.batches[name], "succeed")

    def wait_complete(self, names: Sequence[str]) -> None:
        eventually(
            lambda: all(name in self.seen.complete for name in names),
            timeout=PATIENCE,
            what="every job to be Complete",
        )

    def reconciles(self) -> Counter[str]:
        """The controller's reconciles up to now, by result."""
        found = _RECONCILES.findall(self.operator.controller.metrics())
        return Counter({result: int(float(count)) for result, count in found})


def burst(scene: Scene, count: int) -> dict[str, Row]:
    """All batches end at once."""
    before = scene.reconciles()
    names = scene.submit("burst", count)
    submitted = scene.reconciles()
    begun, reads = time.monotonic(), scene.emulator.requests("batches.get")
    sent = at_once(scene.end, names)
    scene.wait_complete(names)
    seconds = max(scene.seen.complete[name] for name in names) - begun
    after = scene.reconciles()
    scene.operator.controller.stop()
    patched = at_once(lambda name: bare_patch(scene, name), names)
    reads = scene.emulator.requests("batches.get") - reads
    return {
        f"{count} batches end at once": {
            "sent in s": sent,
            "last event recorded after s": max(scene.seen.delivered[n] for n in names) - begun,
            "all Complete after s": seconds,
            "bare status patches s": patched,
            "ratio": seconds / patched,
        },
        "reconciles per job until submitted": per_job(submitted - before, count),
        "reconciles per job for its end": per_job(after - submitted, count),
        "reads per job for its end": {"batches.get": reads / count},
    }


def bare_patch(scene: Scene, name: str) -> None:
    """One write to the job's status, and nothing else."""
    scene.plane.api.request(
        "PATCH",
        scene.operator.path(name=name) + "/status",
        {"status": {"observedEventID": "another"}},
        "application/merge-patch+json",
    )


def stream(scene: Scene, per_second: int, seconds: int) -> dict[str, Row]:
    """Batches end one after another, at a steady rate."""
    names = scene.submit("steady", per_second * seconds)
    before, begun, ended = scene.reconciles(), time.monotonic(), dict[str, float]()
    with ThreadPoolExecutor(SENDERS) as pool:
        for number, name in enumerate(names):
            time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
            ended[name] = time.monotonic()
            pool.submit(scene.end, name)
    scene.wait_complete(names)
    after, seen = scene.reconciles(), scene.seen
    return {
        f"{per_second}/s, from Google's end to Complete, s": quantiles(
            [seen.complete[name] - ended[name] for name in names]
        ),
        f"{per_second}/s, from the recorded event to Complete, s": quantiles(
            [max(0.0, seen.complete[name] - seen.delivered[name]) for name in names]
        ),
        "reconciles per job for its end, steady": per_job(after - before, len(names)),
    }


def per_job(counts: Counter[str], jobs: int) -> Row:
    return {result: count / jobs for result, count in counts.items()}


@contextmanager
def scene(directory: Path, arguments: Sequence[str]) -> Iterator[Scene]:
    """Everything running, in `directory`."""
    with surroundings(directory, NAMESPACE) as around:
        operator = around.operator
        for process in (operator.receiver, operator.controller):
            process.args += ["--log-level", "warning"]
        operator.start("--max-open-batches-per-key", MANY, *arguments)
        seen, over = Sightings(), threading.Event()
        around.stack.callback(over.set)
        threading.Thread(target=watch, args=(operator, seen, over), daemon=True).start()
        yield Scene(around.plane, around.emulator, operator, seen)


def watch(operator: Operator, seen: Sightings, over: threading.Event) -> None:
    """Note every change of a job until `over`."""
    path = f"{operator.path()}?watch=1&timeoutSeconds=3600"
    # Right after its CRD was created, the kind is not served for a moment. A new watch begins with
    # the objects that there are.
    while not over.is_set():
        with (
            contextlib.suppress(LocalError),
            operator.control_plane.api.lines(path, timeout=3600) as lines,
        ):
            for line in lines:
                seen.note(json.loads(line)["object"])
        over.wait(0.1)


@click.command(context_settings={"show_default": True})
@click.option("--jobs", default=1000, type=click.IntRange(1), help="Batches that end at once.")
@click.option("--per-second", default=20, type=click.IntRange(1), help="Steady ends.")
@click.option("--seconds", default=60, type=click.IntRange(0), help="Of steady ends; 0 for none.")
@json_option
@click.argument("controller_args", nargs=-1)
def main(
    jobs: int, per_second: int, seconds: int, file: Path | None, controller_args: tuple[str, ...]
) -> None:
    """Measure ends of batches of one API key; further arguments are the controller's."""
    measured: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as directory:
        with scene(Path(directory), controller_args) as running:
            if seconds:
                measured |= stream(running, per_second, seconds)
            measured |= burst(running, jobs)
        print_warnings(Path(directory) / "controller.log")
    for what, row in measured.items():
        show(what, row)
    save(measured, file)


def print_warnings(log: Path) -> None:
    """Print how often the controller logged each warning."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    for event, count in Counter(str(line.get("event")) for line in lines).items():
        click.echo(f"the controller logged {count} times: {event}")


if __name__ == "__main__":
    main()
