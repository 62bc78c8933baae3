"""The environment in which a leader is stopped with SIGSTOP, replaced, and continued when all is over."""

import asyncio
import shutil
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.control_plane import ControlPlane
from local.waiting import until
from tests.crash.environment import TIMES, Environment, Void
from tests.crash.job import JobUnderTest
from tests.crash.journal import Moment, NthCall
from tests.crash.killing import LATE
from tests.crash.proxy import Proxy
from tests.crash.routes import Routes
from tests.operator_process import Process
from tests.waiting import eventually

START = 30.0
LEASE = (
    "--leader-elect",
    *("--lease-duration", "4", "--lease-renew-deadline", "3.5", "--lease-retry-period", "0.25"),
)
SWEEP = ("--sweep-interval", "1")
"""Often, because it finds a create that arrives late."""


class Candidate:
    """One controller of several, with roads of its own; as a context manager."""

    def __init__(self, process: Process, routes: Routes) -> None:
        self.process = process
        self.routes = routes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            stack.enter_context(self.routes)
            stack.callback(self.process.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, route: Proxy) -> str:
        """Open a further route, and return its URL."""
        return self._stack.enter_context(route).url

    def close(self) -> None:
        self._stack.close()

    def leads(self) -> bool:
        return "gemini_operator_leader 1.0" in self.process.metrics()


class PauseEnvironment(Environment):
    """
    Two controllers, of which the one that leads is stopped.

    A request that is stopped `before` its step is on its way while the leader stands still, and
    arrives when the other one has done its work: so long can a network hold it.
    """

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        super().__init__(plane, directory)
        self._number = count(1)
        self._leader: Candidate
        self._standby: Candidate
        self._resumed: asyncio.Event

    @property
    def routes(self) -> Routes:
        return self._leader.routes

    def set_trap(self, nth_call: NthCall, moment: Moment) -> None:
        self.routes.set_trap(nth_call, moment, self._stop)

    def tend(self) -> None:
        """Nobody is started: the standby is there, or the machine was too slow for a short Lease."""
        if not (self._leader.process.running() and self._standby.process.running()):
            raise Void("a controller has lost its Lease")

    def mend(self, job: JobUnderTest, creates: int) -> None:
        """The old leader wakes up when another one leads: it changes nothing, and ends."""
        old, new = self._leader, self._standby
        if not until(lambda: self.routes.sprung, timeout=LATE):
            raise Void(f"{self.routes.trap} was not reached")
        job.wait("the standby to lead", new.leads)
        self._leader, self._standby = new, self._candidate()
        before = _told(job)
        self._let_arrive(old.routes)
        old.process.send(signal.SIGCONT)
        status = old.process.wait()
        assert status == 1, f"the old leader has not ended for its lost Lease: {status}"
        old.close()
        duplicates = job.creates - creates
        job.wait("the report of duplicates", lambda: job.reported_duplicates() == duplicates)
        assert _told(job) == before, f"the status was {before} and is {_told(job)}"

    def start_receiver(self) -> None:
        self.operator.start_receiver()

    def logs(self) -> str:
        files = sorted(
            self.directory.glob("candidate-*.log"), key=lambda file: file.stat().st_mtime
        )
        return "\n".join(f"--- {file.name}\n{file.read_text()[-5000:]}" for file in files[-3:])

    def _build(self, stack: ExitStack) -> None:
        self.operator = self._operator()
        stack.callback(self.operator.receiver.kill)
        self.start_receiver()
        stack.callback(lambda: self._standby.close())  # noqa: PLW0108 - it is another one by then
        stack.callback(lambda: self._leader.close())  # noqa: PLW0108
        self._leader = self._standby = self._candidate()
        eventually(self._leader.leads, timeout=START, what="the first leader")
        self._standby = self._candidate()

    def _candidate(self) -> Candidate:
        name = f"candidate-{next(self._number)}"
        direct = self.directory / f"{name}.kubeconfig"
        shutil.copy(self.directory / "controller.kubeconfig", direct)
        arguments = self.operator.controller.args
        process = Process("controller", self.directory / f"{name}.log", *arguments)
        candidate = Candidate(process, Routes(self.plane, self.google.url, self.background))
        candidate.__enter__()
        process.start(
            *("--kubeconfig", str(candidate.routes.kubeconfig(direct))),
            *("--gemini-base-url", candidate.routes.to_google.url),
            *("--public-url", self.operator.receiver.url, *TIMES, *LEASE, *SWEEP),
            *self._more_arguments(candidate),
        )
        return candidate

    def _more_arguments(self, candidate: Candidate) -> Sequence[str]:
        """For further routes of a candidate."""
        del candidate
        return ()

    def _stop(self) -> asyncio.Event:
        self._resumed = asyncio.Event()
        self._leader.process.send(signal.SIGSTOP)
        return self._resumed

    def _let_arrive(self, routes: Routes) -> None:
        routes.run(self._resumed.set)
        eventually(lambda: not routes.journal.under_way, what="the held call to arrive")


def _told(job: JobUnderTest) -> Any:
    """The status, but for what a duplicate adds; None without an object."""
    if not job.exists():
        return None
    return {k: v for k, v in job.status().items() if k != "supersededAttempts"}
