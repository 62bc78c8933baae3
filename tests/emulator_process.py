"""The emulator as a process of its own, for every test that needs Google's side."""

import base64
import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import program
from tests.program import Child
from tests.waiting import eventually

API_KEY = "emulator-demo-0000000001"
"""A key of the project `demo`; `emulator-demo-<anything else>` is another key of it."""

OTHER_PROJECT_KEY = "emulator-other-0000000001"
FAST = "pending=100ms,running=100ms"
_DEADLINE = 60.0


class EmulatorProcess:
    """`gemini-operator emulator`, started on a free port that it keeps through every restart.

    Batches end after 200 ms and callbacks may go to every port of 127.0.0.1, unless `args`, which
    are further command-line options, say otherwise. Control calls block for a moment only; from a
    coroutine that also serves something, run the waiting ones in a thread.
    """

    def __init__(self, state_dir: Path, *args: str) -> None:
        self.state_dir = state_dir
        self.log = state_dir.with_name(f"{state_dir.name}.log")
        self.url = ""
        self._args = ["--schedule", FAST, "--deliver-to", "http://127.0.0.1:", *args]
        self._port = 0
        self._process: Child | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the emulator is not running"
        return self._process.pid

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/.well-known/jwks.json"

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        assert self._process is None, "the emulator is running already"
        offset = self.log.stat().st_size if self.log.exists() else 0
        own = ("--state-dir", str(self.state_dir), "--port", str(self._port))
        self._process = program.start(["emulator", *own, *self._args], self.log)
        self.url = eventually(
            lambda: self._address(offset), timeout=_DEADLINE, what="the emulator to listen"
        )
        self._port = int(self.url.rpartition(":")[2])

    def ensure_running(self) -> None:
        if self._process is None:
            self.start()

    def stop(self) -> None:
        """End it with SIGTERM, as a supervisor does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to save anything."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again with the same state and port; a running one is stopped first."""
        self.stop()
        self.start()

    def create_batch(self, display_name: str, requests: Sequence[Any]) -> str:
        """Submit a batch as somebody without the operator does; answers with its name.

        `requests`: each `{"request": …, "metadata": …}`.
        """
        content = {"displayName": display_name, "inputConfig": {"requests": {"requests": requests}}}
        request = urllib.request.Request(
            f"{self.url}/v1beta/models/gemini-2.5-flash:batchGenerateContent",
            data=json.dumps({"batch": content}).encode(),
            headers={"x-goog-api-key": API_KEY, "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
            return str(json.load(answer)["name"])

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Call a route under /emulator/ and answer with its JSON; AssertionError on refusal."""
        request = urllib.request.Request(
            f"{self.url}/emulator/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.read().decode()}") from error

    def state(self) -> Any:
        """Everything the emulator knows: jobs, files, requests, deliveries, faults, held."""
        return self.control("GET", "state")

    def requests(self, route: str) -> int:
        """Tell how many requests of a route have arrived."""
        return int(self.state()["requests"].get(route, 0))

    def job(self, name: str, action: str) -> Any:
        """Make a batch succeed, fail, expire, cancel or hang."""
        return self.control("POST", f"jobs/{name}", {"action": action})

    def fault(self, route: str, action: str, **more: Any) -> None:
        """Add a fault; `more`: when, count, status, body, headers, delaySeconds."""
        self.control("POST", "faults", {"route": route, "action": action, **more})

    def sha256_of(self, file: str) -> str:
        """The hash that Google shows of a file, in hexadecimal."""
        request = urllib.request.Request(
            f"{self.url}/v1beta/{file}", headers={"x-goog-api-key": API_KEY}
        )
        with urllib.request.urlopen(request, timeout=_DEADLINE) as answer:
            return base64.b64decode(json.load(answer)["sha256Hash"]).decode()

    def clear_faults(self) -> None:
        self.control("DELETE", "faults")

    def results(self, batch: str | None = None, **options: Any) -> None:
        """Say how results look: those of a batch, or of every batch that ends from now on."""
        document = options if batch is None else {"batch": batch, **options}
        self.control("POST", "results", document)

    def clear_results(self) -> None:
        self.control("DELETE", "results")

    def release(self, *, answer: bool = True) -> int:
        """Let held requests go on (or drop them) and tell how many there were."""
        return int(self.control("POST", "faults/release", {"answer": answer})["released"])

    def wait_for_held(self, route: str) -> None:
        """Wait for the exact moment at which a request of the route is held."""
        self.wait(lambda state: any(held["route"] == route for held in state["held"]))

    def wait(self, condition: Callable[[Any], Any]) -> Any:
        """Wait until the state meets a condition; answers with that state."""
        return eventually(
            lambda: (state := self.state()) and condition(state) and state,
            timeout=_DEADLINE,
            interval=0.02,
            what="the emulator's state",
        )

    def reset(self) -> None:
        self.control("POST", "reset")

    def _address(self, offset: int) -> str | None:
        assert self._process is not None
        text = self.log.read_bytes()[offset:].decode()
        if self._process.poll() is not None:
            raise RuntimeError(f"the emulator has ended: {text}")
        whole = text[: text.rfind("\n") + 1].splitlines()  # the last one may still be written
        lines = [line for line in whole if line.startswith("listening on ")]
        return lines[0].removeprefix("listening on ") if lines else None

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None
