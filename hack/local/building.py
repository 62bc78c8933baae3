"""Builds the programs of the control plane with Go, once per machine and version."""

import fcntl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from local.errors import LocalError
from local.places import MODULE, PACKAGES, kubernetes_cache, kubernetes_version
from local.toolchain import find_go

HEARTBEAT = 15.0
"""Seconds between two signs of life."""

LOCK_TIMEOUT = 3600.0
BUILD_TIMEOUT = 3600.0

Report = Callable[[str], None]


def build(names: Sequence[str], report: Report, environment: Mapping[str, str]) -> None:
    """Put the programs into the cache, unless another process does so meanwhile.

    Raise LocalError with the compiler's last line when one cannot be built.
    """
    target = kubernetes_cache(environment)
    target.mkdir(parents=True, exist_ok=True)
    with _only_builder(target / ".lock", report):
        missing = [name for name in names if not (target / name).exists()]
        if not missing:
            return
        go = find_go(MODULE, target.parent, report)
        report(f"building {', '.join(missing)} {kubernetes_version()} with {go}")
        report("the first time this takes some minutes; later it is cached")
        for name in missing:
            _build(go, name, target / name, report, environment)


def _build(
    go: Path, name: str, target: Path, report: Report, environment: Mapping[str, str]
) -> None:
    """Under another name until it is whole: a cut build leaves nothing that looks finished."""
    start = time.monotonic()
    unfinished = target.with_name(f".{name}.unfinished")
    report(f"  {name} …")
    command = [str(go), "build", "-trimpath", "-ldflags", _version_flags(), "-o", str(unfinished)]
    settings = {**environment, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        with tempfile.TemporaryFile() as output:
            _run([*command, PACKAGES[name]], settings, output, lambda: _still(name, start, report))
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    report(f"  {name}: built in {elapsed(start)}")


def _run(
    command: Sequence[str],
    settings: Mapping[str, str],
    output: IO[bytes],
    heartbeat: Callable[[], None],
) -> None:
    deadline = time.monotonic() + BUILD_TIMEOUT
    with subprocess.Popen(
        command, cwd=MODULE, env=settings, stdout=output, stderr=subprocess.STDOUT
    ) as compiler:
        try:
            while time.monotonic() < deadline:
                try:
                    code = compiler.wait(HEARTBEAT)
                except subprocess.TimeoutExpired:
                    heartbeat()
                else:
                    return _check(code, output)
        finally:
            compiler.kill()
    raise LocalError(f"go build was not done after {BUILD_TIMEOUT / 60:.0f} min")


def _check(code: int, output: IO[bytes]) -> None:
    if code:
        output.seek(0)
        lines = output.read().decode(errors="replace").strip() or f"exit code {code}"
        raise LocalError(f"go build failed: {lines.rpartition(chr(10))[2]}")


def _still(name: str, start: float, report: Report) -> None:
    report(f"  {name}: still building after {elapsed(start)}")


def _version_flags() -> str:
    """Without them the server says `v0.0.0-master+$Format:%H$`, which kubectl and Helm can't parse."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    package = "k8s.io/component-base/version"
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {package}.{key}={value}" for key, value in values.items())])


@contextmanager
def _only_builder(lock: Path, report: Report) -> Iterator[None]:
    with lock.open("w") as file:
        start = time.monotonic()
        said = -HEARTBEAT
        while not _locked(file):
            waited = time.monotonic() - start
            if waited > LOCK_TIMEOUT:
                raise LocalError(f"another process has held {lock} for an hour")
            if waited - said >= HEARTBEAT:
                report(f"another process is building; waiting for it ({elapsed(start)})")
                said = waited
            time.sleep(0.2)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def elapsed(start: float) -> str:
    """The time since `start` (of the monotonic clock), as people say it: `75 s` is `1 min 15 s`."""
    seconds = int(time.monotonic() - start)
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s"
