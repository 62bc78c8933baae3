"""`python -m benchmarks.start`: how long a controller takes to start with very many waiting jobs.

The controller, the emulator and the API server are real processes on this machine, so only the
ratio to a bare list of the same objects, in the same run, compares between machines.
"""

import asyncio
import json
import re
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import click

from benchmarks.surroundings import MANY, Row, at_once, json_option, save, show, surroundings
from gemini_operator.gemini.tokens import display_name
from local.control_plane import ControlPlane
from tests import program
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.operator_process import Operator, Process, generate, inline_job
from tests.waiting import eventually

NAMESPACE = "start"
# Nobody is called: no batch ends.
PUBLIC_URL = "http://127.0.0.1:9"
PATIENCE = 300.0
PAGE = 500

_LISTS = re.compile(r'^apiserver_request_total\{(?=.*resource="geminibatchjobs")'
                    r'(?=.*verb="LIST").*\} (\S+)$', re.MULTILINE)  # fmt: skip
_DEPTH = re.compile(r"^gemini_operator_workqueue_depth (\S+)$", re.MULTILINE)
_SWEEPS = re.compile(r"^gemini_operator_sweep_duration_seconds_count (\S+)$", re.MULTILINE)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass
class Crowd:
    """Waiting jobs, each with a batch at the emulator, as a controller that ended has left them."""

    plane: ControlPlane
    emulator: EmulatorProcess
    operator: Operator
    template: dict[str, Any] = field(default_factory=dict)
    count: int = 0

    def learn(self) -> None:
        """Let a controller submit one job: what it wrote is what all other jobs have."""
        path = self.operator.path(name="job-0")
        self.plane.api.request("POST", self.operator.path(), inline_job("job-0"))
        self.operator.controller.start("--public-url", PUBLIC_URL)

        def submitted() -> dict[str, Any] | None:
            job: dict[str, Any] = self.plane.api.request("GET", path)
            return job if "geminiState" in job.get("status", {}) else None

        self.template = eventually(submitted, timeout=PATIENCE, what="the first batch")
        self.operator.controller.stop()
        self.count = 1

    def grow(self, count: int) -> None:
        """Add jobs until there are `count`."""
        at_once(self._add, range(self.count, count))
        self.count = count

    def _add(self, number: int) -> None:
        body = inline_job(f"job-{number}")
        body["metadata"]["finalizers"] = self.template["metadata"]["finalizers"]
        made = self.plane.api.request("POST", self.operator.path(), body)
        attempt = f"{number:016x}"
        batch = self._batch(display_name(NAMESPACE, made["metadata"]["uid"], attempt))
        old = self.template["status"]["batchName"]
        status = json.loads(json.dumps(self.template["status"]).replace(old, batch))
        status["attempt"]["id"] = attempt
        self.plane.api.request(
            "PATCH",
            self.operator.path(name=f"job-{number}") + "/status",
            {"status": status},
            "application/merge-patch+json",
        )

    def _batch(self, name: str) -> str:
        """Create a batch at the emulator; returns its name."""
        items = [{"request": generate("Say hello."), "metadata": {"key": "greeting"}}]
        return self.emulator.create_batch(name, items)

    def lists(self) -> int:
        """LIST requests for jobs that the API server has answered."""
        text = self.plane.api.request("GET", "/metrics")
        return sum(int(count) for count in _LISTS.findall(text))


def measure(crowd: Crowd) -> Row:
    """Start a controller once, and list the same objects without one before and after."""
    bare = [bare_list(crowd)]
    lists = crowd.lists()
    with running(crowd.operator.controller) as (process, child):
        begun = time.monotonic()

        def seconds_until(condition: Callable[[], object]) -> float:
            eventually(condition, timeout=PATIENCE, interval=0.05, what="the controller's start")
            return time.monotonic() - begun

        listening = seconds_until(lambda: address(process, child))
        ready = seconds_until(process.ready)
        peak, cpu = peak_mib(child.pid), cpu_seconds(child.pid)
        swept = seconds_until(lambda: number(_SWEEPS, process.metrics()) >= 1)
        settled = seconds_until(lambda: number(_DEPTH, process.metrics()) == 0)
        last_peak = peak_mib(child.pid)
    lists = crowd.lists() - lists
    bare.append(bare_list(crowd))
    return {
        "listening s": listening,
        "ready s": ready,
        "first sweep over s": swept,
        "queue empty s": settled,
        "CPU s until ready": cpu,
        "peak MiB until ready": peak,
        "peak MiB": last_peak,
        "LISTs": lists,
        "bare list s": statistics.mean(bare),
        "ratio": ready / statistics.mean(bare),
    }


@contextmanager
def running(process: Process) -> Iterator[tuple[Process, "subprocess.Popen[bytes]"]]:
    """Run the installed program, so that the time of its imports counts."""
    process.log.write_text("")
    with process.log.open("ab") as log:
        command = [str(program.PROGRAM), process.command, *process.args]
        child = subprocess.Popen(
            [*command, "--public-url", PUBLIC_URL], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield process, child
    finally:
        child.terminate()
        child.wait(60)


def address(process: Process, child: "subprocess.Popen[bytes]") -> str | None:
    """Note where the process listens, as soon as it says so."""
    if child.poll() is not None:
        raise RuntimeError(f"the controller has ended: {process.text()}")
    found = re.search(r"^listening on (\S+)\n", process.text(), re.MULTILINE)
    if found:
        process.url = found[1]
    return found and found[1]


def number(pattern: re.Pattern[str], text: str) -> float:
    """The metric's value; -1 while it has none."""
    found = pattern.search(text)
    return float(found[1]) if found else -1


def peak_mib(pid: int) -> float:
    """The largest resident set of the process up to now."""
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """User and system time of the process up to now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def bare_list(crowd: Crowd) -> float:
    """Seconds to list and parse all objects with aiohttp, and nothing else."""
    begun = time.monotonic()
    listed = asyncio.run(_list_all(crowd))
    assert listed == crowd.count, f"{listed} objects instead of {crowd.count}"
    return time.monotonic() - begun


async def _list_all(crowd: Crowd) -> int:
    api, listed, params = crowd.plane.api, 0, {"limit": str(PAGE)}
    trusted = ssl.create_default_context(cafile=str(api.authority))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusted),
        headers={"Authorization": f"Bearer {api.token}"},
    ) as session:
        while True:
            url = api.server + crowd.operator.path()
            async with session.get(url, params=params) as answer:
                page = json.loads(await answer.read())
            listed += len(page["items"])
            if not page["metadata"].get("continue"):
                return listed
            params["continue"] = page["metadata"]["continue"]


@contextmanager
def crowd(directory: Path, arguments: Sequence[str]) -> Iterator[Crowd]:
    """Everything running but the controller, in `directory`."""
    with surroundings(directory, NAMESPACE) as around:
        operator = around.operator
        operator.controller.args += ["--log-level", "warning", *arguments]
        operator.controller.args += ["--max-open-batches-per-key", MANY]
        operator.put_key(API_KEY)
        made = Crowd(around.plane, around.emulator, operator)
        made.learn()
        yield made


@click.command(context_settings={"show_default": True})
@click.option(
    "--jobs",
    "counts",
    default=(1000, 5000, 10_000),
    multiple=True,
    type=click.IntRange(1),
    help="Waiting jobs; may be repeated, in ascending order.",
)
@click.option("--runs", default=1, type=click.IntRange(1), help="Starts for each number of jobs.")
@json_option
@click.argument("controller_args", nargs=-1)
def main(
    counts: tuple[int, ...], runs: int, file: Path | None, controller_args: tuple[str, ...]
) -> None:
    """Measure the controller's start; further arguments are the controller's."""
    measured: dict[str, Row] = {}
    with (
        tempfile.TemporaryDirectory() as directory,
        crowd(Path(directory), controller_args) as waiting,
    ):
        for count in counts:
            waiting.grow(count)
            rows = [measure(waiting) for _ in range(runs)]
            row = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
            what = f"start with {count:,} waiting jobs"
            measured[what] = row
            show(what, row, width=34)
    save(measured, file)


if __name__ == "__main__":
    main()
