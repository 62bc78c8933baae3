"""The processes that all histories of a run share, and how a history disturbs them."""

import signal
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from gemini_operator.gemini.api_key import fingerprint
from local.control_plane import ControlPlane
from tests.emulator_process import EmulatorProcess
from tests.forwarder import Forwarder
from tests.histories.google import Google
from tests.histories.job_client import JobClient
from tests.histories.versions import Versions
from tests.operator_process import Operator, Process, kubeconfigs

EMULATOR = (
    *("--schedule", "pending=1h,running=1h"),
    *("--retry-schedule", "first=300ms,max=1s,for=1h"),
)
CREATE_TIMEOUT = 1.0
GRACE = 3.0
MAX_OPEN_BATCHES = 2
"""The quota of a history's API key. A history may have more jobs than that."""

CONTROLLER = (
    *("--max-open-batches-per-key", str(MAX_OPEN_BATCHES)),
    *("--create-timeout", f"{CREATE_TIMEOUT:g}", "--submit-grace", f"{GRACE:g}"),
    *("--credentials-ttl", "0.1", "--sweep-interval", "1.5", "--log-level", "info"),
)
BAD_KEY = "a-key-that-google-refuses"

# No history may make a process log one of these.
ERROR_MARKS = ("Traceback (most recent call last)", "a reconcile failed", "failed unexpectedly")


class Environment:
    """
    One namespace with the emulator, the controller and the receiver.

    A context manager: leaving the block stops every process.

    Args:
        plane: the API server. The processes reach it through forwarders that can be blocked.
        directory: for logs and state.
    """

    def __init__(self, plane: ControlPlane, directory: Path) -> None:
        self.plane = plane
        self.namespace = f"history-{token_hex(4)}"
        self.emulator = EmulatorProcess(directory / "emulator", *EMULATOR)
        self.google = Google(self.emulator)
        self.client = JobClient(plane.api, self.namespace)
        self.versions = Versions(self.client, MAX_OPEN_BATCHES, self.key_of)
        self.forwarders: dict[str, Forwarder] = {}
        self.operator: Operator
        self.keys: list[str] = []
        self._earlier_keys: list[str] = []
        self._directory = directory
        self._stack = ExitStack()
        self._number = count(1)
        self._offsets: dict[str, int] = {}
        self._paused = False

    def __enter__(self) -> Self:
        with self._stack as stack:
            api = self.plane.api
            api.request("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace}})
            stack.enter_context(self.versions)
            stack.enter_context(self.emulator)
            for who in ("controller", "receiver"):
                self.forwarders[who] = stack.enter_context(Forwarder.to(self.plane.server))
            self.operator = self._make_operator()
            stack.callback(self._stop)
            self.start("receiver")
            self.start("controller")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def begin(self) -> int:
        """Prepare the next history: no faults, no objects of the last one. Return its number."""
        number = next(self._number)
        self._earlier_keys += self.keys
        self.keys = [f"emulator-demo-{number:06d}-{token_hex(4)}"]
        self.recover()
        self._delete_leftovers()
        self.emulator.reset()
        self.versions.reset()
        self._offsets = {p.command: p.log.stat().st_size for p in self._processes}
        return number

    def recover(self) -> None:
        """Remove every fault, put the API key back and start the processes that are down."""
        for forwarder in self.forwarders.values():
            forwarder.unblock()
        self.resume()
        self.emulator.clear_faults()
        self.client.put_key(self.key)
        for process in self._processes:
            self.start(process.command)

    @property
    def key(self) -> str:
        """The current API key of the history. The Secret has it unless a step changed the Secret."""
        return self.keys[-1]

    def key_of(self, uid: str, recorded: str) -> str | None:
        """
        The key with which a job's batch was created, by the fingerprint in its status.

        It may be a key of the history before, as the controller caches keys.
        """
        known = [*self._earlier_keys, BAD_KEY, *self.keys]
        return next((k for k in known if fingerprint(SecretStr(k), uid) == recorded), None)

    def rotate_key(self, ending: str) -> None:
        """Put another key of the same project into the Secret."""
        self.keys.append(f"{self.key[:-1]}{ending}")
        self.client.put_key(self.key)

    def start(self, who: str) -> None:
        """Start the controller or the receiver if it does not run."""
        process = self._process(who)
        if process.running():
            return
        process.kill()  # A process that ended by itself must still be reaped.
        if who == "receiver":
            self.operator.start_receiver()
        else:
            self.operator.start_controller(*CONTROLLER)

    def kill(self, who: str) -> None:
        if who == "controller":
            self._paused = False
        self._process(who).kill()

    def pause(self) -> None:
        """Stop the controller with SIGSTOP, wherever it is."""
        self.operator.controller.send(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        if self._paused:
            self.operator.controller.send(signal.SIGCONT)
            self._paused = False

    def error_lines(self) -> list[str]:
        """Lines of this history's logs that show a bug of the operator."""
        lines = [line for p in self._processes for line in self._log(p).splitlines()]
        return [line for line in lines if any(mark in line for mark in ERROR_MARKS)]

    def logs(self) -> str:
        """The end of both processes' logs of this history."""
        logs = [f"--- {p.command}\n{self._log(p)[-20000:]}" for p in self._processes]
        return "\n".join(logs)

    @property
    def _processes(self) -> tuple[Process, Process]:
        return self.operator.receiver, self.operator.controller

    def _process(self, who: str) -> Process:
        return self.operator.controller if who == "controller" else self.operator.receiver

    def _make_operator(self) -> Operator:
        accounts = kubeconfigs(self.plane, self.namespace, self._directory, seconds=24 * 3600)
        accounts = {who: self.forwarders[who].kubeconfig(path) for who, path in accounts.items()}
        return Operator(self.namespace, self.plane, self._directory, self.emulator, accounts)

    def _delete_leftovers(self) -> None:
        """Delete the jobs that a failed history left behind, finalizers or not."""
        for body in self.client.list()["items"]:
            self.client.delete(body["metadata"]["name"])
            self.client.patch(body["metadata"]["name"], metadata={"finalizers": None})

    def _stop(self) -> None:
        self.resume()
        self.operator.controller.kill()
        self.operator.receiver.kill()

    def _log(self, process: Process) -> str:
        with process.log.open("rb") as log:
            log.seek(self._offsets.get(process.command, 0))
            return log.read().decode(errors="replace")
