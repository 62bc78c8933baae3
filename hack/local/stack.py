"""A control plane with the operator, and the emulator and S3 server it uses, in one directory."""

import fcntl
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from local import cluster, object_store
from local.binaries import Binaries
from local.control_plane import ControlPlane
from local.credentials import write_private
from local.errors import LocalError
from local.object_store import ObjectStore
from local.processes import Process
from local.services import SCHEDULE, Services, answers
from local.waiting import until

START_TIMEOUT = 60.0
REAP_TIMEOUT = 5.0

# In the order in which they end.
PROCESSES = (
    "controller",
    "receiver",
    "emulator",
    object_store.NAME,
    "kube-controller-manager",
    "kube-apiserver",
    "etcd",
)

Report = Callable[[str], None]


class Stack:
    """`tethered`: all processes die with this one; otherwise they are left running.

    `schedule` is that of the emulator's batches; an emulator that runs already keeps its own.
    `environment` is that of all but the control plane; None: this process's.
    """

    def __init__(
        self,
        directory: Path,
        binaries: Binaries,
        report: Report,
        *,
        tethered: bool,
        environment: Mapping[str, str] | None = None,
        schedule: str | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.plane = ControlPlane(directory, binaries, tethered=tethered, report=report)
        self.services = Services(self.directory, self.plane.ports, schedule or SCHEDULE)
        self.store = ObjectStore(self.directory, self.plane.ports)
        self.object_store = Process(object_store.NAME, self.directory, tethered=tethered)
        self.emulator = Process("emulator", self.directory, tethered=tethered)
        self.receiver = Process("receiver", self.directory, tethered=tethered)
        self.controller = Process("controller", self.directory, tethered=tethered)
        self._report = report
        self._environment = environment
        self._new_schedule = schedule is not None

    def up(self) -> None:
        """Start what is not running; return when all of it is ready.

        Raise LocalError with the last log line of what failed.
        """
        with locked(self.directory):
            self.plane.start()
            self.store.prepare()
            self._report("applying the CRD, two service accounts and two Secrets")
            cluster.prepare(self.plane, self.services, self.store)
            self._start_services()
            self._write_environment()

    def down(self) -> None:
        """End everything in an order in which nobody misses anybody."""
        services = self.controller, self.receiver, self.emulator, self.object_store
        _stop((*services, *reversed(self.plane.processes)), self.directory, self._report)

    def _start_services(self) -> None:
        urls = self.services
        if self._new_schedule and self.emulator.running():
            self._report("the emulator is running and keeps its schedule: run `make down` first")
        self._start(
            self.object_store,
            lambda: self.store.command(self.plane.binaries.versitygw),
            lambda: f"{self.store.url}{object_store.HEALTH}",
            self.store.environment(self._environment),
        )
        self._start(self.emulator, urls.emulator, lambda: f"{urls.gemini_url}/emulator/state")
        self._start(self.receiver, urls.receiver, lambda: f"{urls.receiver_metrics_url}/readyz")
        self._start(
            self.controller,
            lambda: urls.controller(self.store.url),
            lambda: f"{urls.controller_metrics_url}/readyz",
        )

    def _start(
        self,
        process: Process,
        command: Callable[[], Sequence[str]],
        ready: Callable[[], str],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Command and address are asked for late: to start is to claim ports."""
        if not process.running():
            self._report(f"starting {process.name}")
            process.start(command(), environment or self._environment)
        url = ready()
        process.wait_ready(lambda: answers(url), timeout=START_TIMEOUT)

    def _write_environment(self) -> None:
        variables = {
            "KUBECONFIG": str(self.plane.kubeconfig),
            "GEMINI_BASE_URL": self.services.gemini_url,
            "RECEIVER_URL": self.services.receiver_url,
            "RECEIVER_METRICS_URL": self.services.receiver_metrics_url,
            "CONTROLLER_METRICS_URL": self.services.controller_metrics_url,
            **self.store.variables(),
        }
        lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        programs = shlex.quote(str(self.plane.binaries.kubectl.parent))
        lines.append(f'export PATH={programs}:"$PATH"')
        write_private(self.directory / "env", "\n".join(lines) + "\n")


def down(directory: Path, report: Report) -> None:
    """End whatever of a stack is running there; its data stays."""
    directory = directory.absolute()
    if directory.is_dir():
        _stop([Process(name, directory) for name in PROCESSES], directory, report)


def _stop(processes: Iterable[Process], directory: Path, report: Report) -> None:
    with locked(directory):
        pids = []
        for process in processes:
            if process.running():
                pids.append(process.pid)
                report(f"stopping {process.name}")
            process.stop()
        # An ended process keeps its number until its parent, which may be a lazy init, asks for it.
        until(lambda: not any(psutil.pid_exists(pid) for pid in pids), timeout=REAP_TIMEOUT)


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
