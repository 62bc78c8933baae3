"""The environment in which one process is killed with SIGKILL, and started again."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from local.control_plane import ControlPlane
from local.waiting import until
from tests.crash.environment import TIMES, Environment, Void
from tests.crash.job import JobUnderTest
from tests.crash.journal import Moment, NthCall
from tests.crash.routes import Routes
from tests.operator_process import Process

LATE = 5.0
"""Seconds after its scenario in which an Event of a job may be posted."""

Victim = Literal["controller", "receiver"]


class KillEnvironment(Environment):
    """
    `victim` is the process whose calls are steps.

    Args:
        controller: further arguments of the controller.
    """

    def __init__(
        self,
        plane: ControlPlane,
        directory: Path,
        *,
        victim: Victim = "controller",
        controller: Sequence[str] = (),
        emulator: Sequence[str] = (),
    ) -> None:
        super().__init__(plane, directory, emulator=emulator)
        self._victim: Victim = victim
        self._arguments = (*TIMES, *controller)
        self._revived = False
        self._routes: Routes

    @property
    def routes(self) -> Routes:
        return self._routes

    @property
    def victim(self) -> Process:
        process: Process = getattr(self.operator, self._victim)
        return process

    def set_trap(self, nth_call: NthCall, moment: Moment) -> None:
        self._revived = False
        self._routes.set_trap(nth_call, moment, self._kill)

    def tend(self) -> None:
        """Start the victim again if it was killed, as a kubelet does."""
        if self.victim.running():
            return
        assert self._routes.sprung, f"the {self._victim} has ended by itself"
        self._revived = True
        self.victim.kill()
        self.start_controller() if self._victim == "controller" else self.start_receiver()

    def mend(self, job: JobUnderTest, creates: int) -> None:
        del creates
        if not until(lambda: self._routes.sprung, timeout=LATE):
            raise Void(f"{self._routes.trap} was not reached")
        job.wait("the kill", lambda: self._revived)

    def start_controller(self) -> None:
        self._start_controller()

    def _start_controller(self, *more: str) -> None:
        gemini = (self._routes.to_google if self._victim == "controller" else self.google).url
        self.operator.start_controller(*self._arguments, "--gemini-base-url", gemini, *more)

    def start_receiver(self) -> None:
        keys = self._routes.to_google.url if self._victim == "receiver" else self.google.url
        self.operator.start_receiver(f"{keys}/.well-known/jwks.json")

    def logs(self) -> str:
        return f"--- {self._victim}\n{self.victim.text()[-8000:]}"

    def _build(self, stack: ExitStack) -> None:
        routes = Routes(self.plane, self.google.url, self.background)
        self._routes = stack.enter_context(routes)
        self.operator = self._operator(**{self._victim: self._routes})
        self._add_routes(stack)
        stack.callback(self.operator.receiver.kill)
        stack.callback(self.operator.controller.kill)
        self.start_receiver()
        self.start_controller()

    def _add_routes(self, stack: ExitStack) -> None:
        """Open further routes before the processes start."""

    def _kill(self) -> asyncio.Event | None:
        self.victim.send(signal.SIGKILL)
        return None
