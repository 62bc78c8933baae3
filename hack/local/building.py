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
from local.places import KUBERNETES, GoModule
from local.toolchain import find_go

HEARTBEAT = 15.0
"""Seconds between two signs of life."""

LOCK_TIMEOUT = 3600.0
BUILD_TIMEOUT = 3600.0

Report = Callable[[str], None]


def build(
    names: Sequence[str],
    report: Report,
    environment: Mapping[str, str],
    module: GoModule = KUBERNETES,
) -> None:
    """Put programs of `module` into the cache, unless another process does so meanwhile.

    Raise LocalError with the compiler's last line when one cannot be built.
    """
    target = module.cache(environment)
    target.mkdir(parents=True, exist_ok=True)
    with _only_builder(target / ".lock", report):
        missing = [name for name in names if not (target / name).exists()]
        if not missing:
            return
        go = find_go(module.directory, target.parent, report)
        report(f"building {', '.join(missing)} {module.version()} with {go}")
        report("the first time this takes some minutes; later it is cached")
        for name in missing:
            _build(go, module, target / name, report, environment)


def _build(
    go: Path, module: GoModule, target: Path, report: Report, environment: Mapping[str, str]
) -> None:
    """Under another name until it is whole: a cut build leaves nothing that looks finished."""
    start = time.monotonic()
    name = target.name
    unfinished = target.with_name(f".{name}.unfinished")
    report(f"  {name} …")
    flags = ["-trimpath", "-ldflags", _version_flags(module), "-o", str(unfinished)]
    command = [str(go), "build", *flags, module.packages[name]]
    settings = {**environment, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        with (
            tempfile.TemporaryFile() as output,
            _compiler(command, module, settings, output) as compiler,
        ):
            _wait(compiler, output, lambda: _still(name, start, report))
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    report(f"  {name}: built in {elapsed(start)}")


@contextmanager
def _compiler(
    command: Sequence[str], module: GoModule, settings: Mapping[str, str], output: IO[bytes]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the compiler in the module's directory; end it with the block."""
    with subprocess.Popen(
        command, cwd=module.directory, env=settings, stdout=output, stderr=subprocess.STDOUT
    ) as compiler:
        try:
            yield compiler
        finally:
            compiler.kill()


def _wait(
    compiler: "subprocess.Popen[bytes]", output: IO[bytes], heartbeat: Callable[[], None]
) -> None:
    deadline = time.monotonic() + BUILD_TIMEOUT
    while time.monotonic() < deadline:
        try:
            code = compiler.wait(HEARTBEAT)
        except subprocess.TimeoutExpired:
            heartbeat()
        else:
            return _check(code, output)
    raise LocalError(f"go build was not done after {BUILD_TIMEOUT / 60:.0f} min")


def _check(code: int, output: IO[bytes]) -> None:
    if code:
        output.seek(0)
        lines = output.read().decode(errors="replace").strip() or f"exit code {code}"
        raise LocalError(f"go build failed: {lines.rpartition(chr(10))[2]}")


def _still(name: str, start: float, report: Report) -> None:
    report(f"  {name}: still building after {elapsed(start)}")


def _version_flags(module: GoModule) -> str:
    """Without them the server says `v0.0.0-master+$Format:%H$`, which kubectl and Helm can't parse."""
    values = {name: module.version() for name in module.version_variables}
    if module is KUBERNETES:
        major, minor, _ = module.version().removeprefix("v").split(".", 2)
        package = "k8s.io/component-base/version"
        values |= {f"{package}.gitMajor": major, f"{package}.gitMinor": minor}
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


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
