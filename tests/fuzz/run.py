"""Run a target in a process of its own, and read what libFuzzer prints."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import targets

MAX_LENGTH = 4096
SLOWEST = 10
"""Seconds. An input that takes longer is a failure: a stranger could send it often."""
MEMORY = 2048
"""MiB."""

_REPORT_EVERY = 30.0
_STATE = re.compile(
    r"#(?P<executions>\d+)\s.* ft: (?P<features>\d+) corp: (?P<corpus>\d+)/.* exec/s: (?P<speed>\d+)"
)
# What libFuzzer prints about itself. All else, as the traceback of a crash, is for the reader.
_NOISE = ("#", "INFO:", "WARNING:", "\tNEW_FUNC", "Done ", '"')
_ARTIFACT = re.compile(r"Test unit written to (?P<path>\S+)")


@dataclass
class Run:
    """What is known of the run of one target."""

    target: str
    executions: int = 0
    speed: int = 0
    corpus: int = 0
    features: int = 0
    crash: Path | None = None
    status: int | None = None
    """The exit status of the process, as soon as it has ended."""

    @property
    def good(self) -> bool:
        return self.status == 0 and self.crash is None

    @property
    def result(self) -> str:
        if self.good:
            return "ok"
        return "failed" if self.crash is None else self.crash.name.split("-")[0]

    def read(self, line: str) -> None:
        if found := _STATE.match(line):
            numbers = {name: int(value) for name, value in found.groupdict().items()}
            self.executions, self.speed = numbers["executions"], numbers["speed"]
            self.corpus, self.features = numbers["corpus"], numbers["features"]
        if found := _ARTIFACT.search(line):
            self.crash = Path(found["path"])


def run(target: str, seconds: int, directory: Path, report: Callable[[str], None]) -> Run:
    """Fuzz a target; it ends at its first crash.

    Args:
        target: its name.
        seconds: how long.
        directory: takes new inputs and crashes, a directory for each target.
        report: is told how far it is, and a crash's traceback.
    """
    corpus, crashes = directory / target / "corpus", directory / target / "crashes"
    for path in (corpus, crashes):
        path.mkdir(parents=True, exist_ok=True)
    state = Run(target)
    arguments = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTH}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        # The first directory takes what is new.
        *(str(corpus), str(targets.CORPUS / target)),
    ]
    command = [sys.executable, "-m", "tests.fuzz.engine", target, str(crashes), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        _follow(state, process.stdout, report)
    state.status = process.returncode
    return state


def _follow(state: Run, lines: Iterable[str], report: Callable[[str], None]) -> None:
    """Read the output to its end; pass on a few lines of progress, and all other lines."""
    told = time.monotonic()
    for line in lines:
        state.read(line)
        if not line.startswith(_NOISE):
            report(line.rstrip())
        elif time.monotonic() - told >= _REPORT_EVERY:
            told = time.monotonic()
            report(f"{state.target}: {state.executions} executions, {state.features} features")
