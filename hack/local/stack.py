"""A control plane with the emulator, the receiver and the controller, in one state directory."""

import fcntl
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local import cluster
from local.binaries import Binaries
from local.control_plane import ControlPlane
from local.errors import LocalError
from local.processes import Process
from local.services import Services, answers

START_TIMEOUT = 60.0

# In the order in which they end: who needs others ends before them.
PROCESSES = (
    "controller",
    "receiver",
    "emulator",
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
)

Report = Callable[[str], None]


class Stack:
    """`tethered`: all processes die with this one; otherwise they are left running."""

    def __init__(
        self, directory: Path, binaries: Binaries, report: Report, *, tethered: bool
    ) -> None:
        self.directory = directory.absolute()
        self.plane = ControlPlane(directory, binaries, tethered=tethered, report=report)
        self.services = Services(self.directory, self.plane.ports)
        self._report = report
        self._tethered = tethered

    def up(self) -> None:
        """Start what is not running; return when all of it is ready.

        Raise LocalError with the last log line of what failed.
        """
        with locked(self.directory):
            self.plane.start()
            self._report("applying the CRD, two service accounts and the API key's Secret")
            cluster.prepare(self.plane, self.services)
            urls = self.services
            self._start("emulator", urls.emulator, lambda: f"{urls.gemini_url}/emulator/state")
            self._start("receiver", urls.receiver, lambda: f"{urls.receiver_metrics_url}/readyz")
            self._start(
                "controller", urls.controller, lambda: f"{urls.controller_metrics_url}/readyz"
            )
            self._write_environment()

    def _start(
        self, name: str, command: Callable[[], Sequence[str]], ready: Callable[[], str]
    ) -> None:
        process = Process(name, self.directory, tethered=self._tethered)
        if not process.running():
            self._report(f"starting {name}")
            process.start(command())
        url = ready()
        process.wait_ready(lambda: answers(url), timeout=START_TIMEOUT)

    def _write_environment(self) -> None:
        variables = {
            "KUBECONFIG": str(self.plane.kubeconfig),
            "GEMINI_BASE_URL": self.services.gemini_url,
            "RECEIVER_URL": self.services.receiver_url,
            "RECEIVER_METRICS_URL": self.services.receiver_metrics_url,
            "CONTROLLER_METRICS_URL": self.services.controller_metrics_url,
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        programs = shlex.quote(str(self.plane.binaries.kubectl.parent))
        lines.append(f'export PATH={programs}:"$PATH"')
        (self.directory / "env").write_text("\n".join(lines) + "\n")


def down(directory: Path, report: Report) -> None:
    """End whatever of the stack is running; its data stays."""
    directory = directory.absolute()
    if not directory.is_dir():
        return
    with locked(directory):
        for name in PROCESSES:
            process = Process(name, directory)
            if process.running():
                report(f"stopping {name}")
            process.stop()


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """One `up` or `down` at a time. Raise LocalError when another one is at work."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(f"another process is starting or stopping {directory}") from None
        yield
