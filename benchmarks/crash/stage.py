"""Everything that a row needs: a namespace, Google's side, a receiver, and a controller."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Literal, Self

from benchmarks.crash.background import Background
from benchmarks.crash.forked import Forked
from benchmarks.crash.journal import Moment, Step
from benchmarks.crash.roads import Roads
from local.control_plane import ControlPlane
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.operator_process import Operator, Process, kubeconfigs

TIMES = ("--create-timeout", "1", "--submit-grace", "2")
"""Short, because every fourth row around a create waits until the grace has passed."""

FOREVER = "pending=1h,running=1h"
"""The emulator's schedule: a life says itself when its batch ends."""

Victim = Literal["controller", "receiver"]


class Stage:
    """
    As a context manager; nothing is left running.

    Args:
        plane: the API server; other stages may use it at the same time.
        directory: for logs and state; it is made.
        victim: the process whose calls are steps, and which is killed at them.
        controller: further arguments of the controller.
        emulator: further arguments of the emulator.
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
        self.plane = plane
        self.namespace = f"crash-{token_hex(4)}"
        self.google = EmulatorProcess(directory / "emulator", "--schedule", FOREVER, *emulator)
        self.roads: Roads
        self.operator: Operator
        self.revived = False
        """Whether the victim was killed and started again since the last trap was set."""
        self._victim: Victim = victim
        self._directory = directory
        self._arguments = (*TIMES, *controller)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._directory.mkdir(parents=True)
            self._create_namespace()
            background = stack.enter_context(Background())
            stack.enter_context(self.google)
            roads = Roads(self.plane, self.google.url, background)
            self.roads = stack.enter_context(roads)
            self.operator = self._make_operator()
            stack.callback(self._stop)
            self.operator.put_key(API_KEY)
            self.start_receiver()
            self.start_controller()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def victim(self) -> Process:
        return getattr(self.operator, self._victim)

    def start_controller(self) -> None:
        gemini = (self.roads.to_google if self._victim == "controller" else self.google).url
        self.operator.start_controller(*self._arguments, "--gemini-base-url", gemini)

    def start_receiver(self) -> None:
        keys = self.roads.to_google.url if self._victim == "receiver" else self.google.url
        self.operator.start_receiver(f"{keys}/.well-known/jwks.json")

    def tend(self) -> None:
        """Start the victim again if it was killed, as a kubelet does."""
        if self.victim.running():
            return
        assert self.roads.sprung, f"the {self._victim} has ended by itself"
        self.revived = True
        self.victim.kill()
        self.start_controller() if self._victim == "controller" else self.start_receiver()

    def set_trap(self, step: Step, moment: Moment) -> None:
        """Kill the victim, with SIGKILL, when it comes there."""
        self.revived = False
        self.roads.set_trap(step, moment, self._kill)

    def story(self) -> str:
        """What the victim logged and the objects as they are, for whoever has to find out."""
        objects = self.operator.kubectl("get", "gbj", "-o", "yaml", "--ignore-not-found")
        return f"--- {self._victim}\n{self.victim.text()[-8000:]}\n--- objects\n{objects[-4000:]}"

    def _kill(self) -> asyncio.Event | None:
        self.victim.send(signal.SIGKILL)
        return None

    def _create_namespace(self) -> None:
        name, api = self.namespace, self.plane.api
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self._stack.callback(api.request, "DELETE", f"/api/v1/namespaces/{name}")

    def _make_operator(self) -> Operator:
        accounts = kubeconfigs(self.plane, self.namespace, self._directory)
        accounts[self._victim] = self.roads.kubeconfig(accounts[self._victim])
        return Operator(
            self.namespace, self.plane, self._directory, self.google, accounts, process=Forked
        )

    def _stop(self) -> None:
        self.operator.controller.kill()
        self.operator.receiver.kill()
