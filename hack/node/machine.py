"""The namespaces of a node. Ending their first process ends everything in them, without a trace."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from local.errors import LocalError
from local.processes import Process
from local.waiting import until
from node.commands import run
from node.layout import CGROUP, Layout

INIT = Path(__file__).with_name("machine_init.py")
START_TIMEOUT = 30.0
STOP_TIMEOUT = 30.0
CGROUPS = Path("/sys/fs/cgroup")


class Machine:
    """
    New mount, network and PID namespaces with a small first process.

    Args:
        layout: of the node. Its `machine` directory identifies the process.
    """

    def __init__(self, layout: Layout) -> None:
        self._directory = layout.machine
        self._process = Process("machine", layout.directory, tethered=False)

    @property
    def pid(self) -> int:
        """The first process, by its number on the host. Raise LocalError when it is not there."""
        if process := next(self._found("python"), None):
            return int(process.pid)
        raise LocalError("the node is not running: start it with `python -m node up`")

    def running(self) -> bool:
        return next(self._found("python"), None) is not None

    def start(self) -> None:
        """Create the namespaces; return when programs may start in them.

        Raises:
            LocalError: with the last line of its log.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        ready = self._directory / "ready"
        ready.unlink(missing_ok=True)
        namespaces = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
        python = sys.executable, "-I", "-S", str(INIT), str(self._directory)
        self._process.start(["unshare", *namespaces, "--", *python])
        self._process.wait_ready(ready.exists, timeout=START_TIMEOUT)
        for hierarchy in _hierarchies():
            (hierarchy / CGROUP).mkdir(exist_ok=True)
            _copy_cpuset(hierarchy)
            _enable_controllers(hierarchy)

    def command(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` inside."""
        return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid", "--", *command]

    def run(self, *command: str, timeout: float = 60) -> str:
        """Run a program inside and return what it prints.

        Raises:
            LocalError: it failed or took too long.
        """
        return run(self.command(command), timeout=timeout)

    def stop(self) -> None:
        """End every process inside. The kernel then removes the namespaces and what they hold.

        Raises:
            LocalError: a process cannot be ended.
        """
        # `unshare` is among them: its own end would also end the first process.
        ended = list(self._found("python", "unshare"))
        for process in ended:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not until(lambda: not any(_alive(process) for process in ended), timeout=STOP_TIMEOUT):
            raise LocalError(f"the node's processes could not be ended: {ended}")
        if not until(_remove_cgroups, timeout=STOP_TIMEOUT):
            raise LocalError(f"the cgroups called {CGROUP} could not be removed: a process is left")
        self._process.stop(grace=5)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _found(self, *programs: str) -> Iterator[psutil.Process]:
        """Processes of the command line that `start` uses; pid files may be lost or old."""
        named = str(INIT), str(self._directory)
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                command = process.cmdline()
                program = Path(command[0]).name if command else ""
                if command[-2:] == [*named] and program.startswith(programs) and _alive(process):
                    yield process


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _hierarchies() -> list[Path]:
    """The roots of cgroup v1's hierarchies, or of cgroup v2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS]
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]


def _copy_cpuset(hierarchy: Path) -> None:
    """A new cpuset of cgroup v1 is empty, and takes no process until it has processors."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        own = hierarchy / CGROUP / name
        if own.exists() and not own.read_text().strip():
            own.write_text((hierarchy / name).read_text())


def _enable_controllers(hierarchy: Path) -> None:
    """In cgroup v2, a group has only the controllers that its parent passes on."""
    controllers = hierarchy / "cgroup.controllers"
    if controllers.exists():
        for controller in controllers.read_text().split():
            with suppress(OSError):
                (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}")


def _remove_cgroups() -> bool:
    """Remove our cgroups from the leaves up, as far as they are empty; whether all are gone."""
    for hierarchy in _hierarchies():
        root = hierarchy / CGROUP
        if root.exists():
            groups = [path for path in root.rglob("*") if path.is_dir()]
            for group in [*sorted(groups, reverse=True), root]:
                with suppress(OSError):
                    group.rmdir()
    return not any((hierarchy / CGROUP).exists() for hierarchy in _hierarchies())
