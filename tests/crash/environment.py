"""Everything that a case needs around the process that is struck, and what every environment can do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import TYPE_CHECKING, Self

from local.control_plane import ControlPlane
from tests.crash.background import Background
from tests.crash.journal import Moment, NthCall
from tests.crash.routes import Routes
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.operator_process import Operator, kubeconfigs

if TYPE_CHECKING:
    from tests.crash.job import JobUnderTest

TIMES = ("--create-timeout", "1.5", "--submit-grace", "3")
"""Short, because every fourth case around a create waits until the grace has passed."""

FOREVER = "pending=1h,running=1h"
"""The emulator's schedule: a scenario says itself when its batch ends."""


class Void(Exception):
    """The case says nothing: it was not struck, or the machine was too slow for the Lease."""


class Environment(ABC):
    """
    A namespace, Google's side, a receiver, and one process or more to strike.

    As a context manager; nothing is left running.

    Args:
        plane: the API server; other environments may use it at the same time.
        directory: for logs and state; it is made.
        emulator: further arguments of the emulator.
    """

    def __init__(
        self, plane: ControlPlane, directory: Path, *, emulator: Sequence[str] = ()
    ) -> None:
        self.plane = plane
        self.directory = directory
        self.namespace = f"crash-{token_hex(4)}"
        self.google = EmulatorProcess(directory / "emulator", "--schedule", FOREVER, *emulator)
        self.background = Background()
        self.operator: Operator
        self.spoilt = False
        """Whether something may be left that would disturb the next case."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            self.directory.mkdir(parents=True)
            self._create_namespace()
            stack.enter_context(self.background)
            stack.enter_context(self.google)
            self._build(stack)
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
    @abstractmethod
    def routes(self) -> Routes:
        """The roads of the process that will be struck, or was."""

    @abstractmethod
    def set_trap(self, nth_call: NthCall, moment: Moment) -> None:
        """Strike when the process comes there."""

    @abstractmethod
    def tend(self) -> None:
        """
        What somebody does all the time while a job lives, such as starting what was killed.

        Raises:
            Void: the processes are not what the case needs.
            AssertionError: a process has ended by itself.
        """

    @abstractmethod
    def mend(self, job: "JobUnderTest", creates: int) -> None:
        """
        The steps of a scenario are over: bring back what was struck.

        Args:
            creates: how many batches the scenario takes.

        Raises:
            Void: nothing was struck.
            AssertionError: what comes back does harm.
        """

    @abstractmethod
    def start_receiver(self) -> None:
        """On the port that it had before."""

    @abstractmethod
    def logs(self) -> str:
        """What the processes said that were struck."""

    def story(self) -> str:
        """What there is to find out with why a scenario was lost."""
        objects = self.operator.kubectl("get", "gbj", "-o", "yaml", "--ignore-not-found")
        return f"{self.logs()}\n--- objects\n{objects[-4000:]}"

    @abstractmethod
    def _build(self, stack: ExitStack) -> None:
        """Start the processes; `stack` ends them."""

    def _operator(self, **kubeconfig: Routes) -> Operator:
        """`controller=` and `receiver=` name the roads that these take to the API server."""
        accounts = kubeconfigs(self.plane, self.namespace, self.directory)
        for name, routes in kubeconfig.items():
            accounts[name] = routes.kubeconfig(accounts[name])
        operator = Operator(self.namespace, self.plane, self.directory, self.google, accounts)
        operator.put_key(API_KEY)
        return operator

    def _create_namespace(self) -> None:
        name, api = self.namespace, self.plane.api
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
