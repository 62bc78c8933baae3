"""One long-running program each: its pid file, its log file, its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from local.errors import LocalError
from local.waiting import until

GRACE = 25.0
"""Seconds. The controller lets passes under way end for 20."""

KILL_TIMEOUT = 10.0
TETHER = Path(__file__).with_name("tether.py")


@dataclass
class Process:
    """A program known by `<directory>/<name>.pid`, with its output in `<directory>/<name>.log`.

    `tethered` programs die with the process that started them; the others are left running.
    """

    name: str
    directory: Path
    tethered: bool = True
    _child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The last one that was started. Raise FileNotFoundError when it was stopped."""
        return int(self.pid_file.read_text())

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start `command`, its output appended to the log."""
        tether = (sys.executable, "-I", "-S", str(TETHER), str(os.getpid()))
        with self.log_file.open("ab") as log:
            self._child = subprocess.Popen(
                [*(tether if self.tethered else ()), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self._child.pid}\n")

    def running(self) -> bool:
        """Whether it is there: by its exit code for a child, otherwise by its pid file."""
        if self._child:
            return self._child.poll() is None
        return self._found() is not None

    def wait_ready(self, ready: Callable[[], object], *, timeout: float) -> None:
        """Return when `ready()` is true.

        Raise LocalError with the last log line when the program ends first or `timeout` seconds pass.
        """
        if until(lambda: ready() or not self.running(), timeout=timeout) and self.running():
            return
        what = f"was not ready after {timeout:.0f} s" if self.running() else "ended at its start"
        raise LocalError(f"{self.name} {what}: {self.last_log_line()} (log: {self.log_file})")

    def stop(self, *, grace: float = GRACE) -> None:
        """End it: SIGTERM, and SIGKILL after `grace` seconds. Fine when it does not run."""
        self._send(signal.SIGTERM)
        if not until(lambda: not self.running(), timeout=grace):
            self.kill()
        self._forget()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._send(signal.SIGKILL)
        if not until(lambda: not self.running(), timeout=KILL_TIMEOUT):
            raise LocalError(f"{self.name} cannot be killed; its pid is in {self.pid_file}")
        self._forget()

    def last_log_line(self) -> str:
        lines = (
            self.log_file.read_text(errors="replace").split("\n") if self.log_file.exists() else []
        )
        return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")

    def _send(self, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            if process := self._child or self._found():
                process.send_signal(number)

    def _forget(self) -> None:
        self._child = None
        self.pid_file.unlink(missing_ok=True)

    def _found(self) -> psutil.Process | None:
        """The process of the pid file, unless the number now belongs to another program."""
        try:
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            return process if alive and self._is_ours(process.cmdline()) else None
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return None

    def _is_ours(self, command: Sequence[str]) -> bool:
        """Every program here is told its state directory, so its command line names both."""
        named = any(Path(argument).name == self.name for argument in command)
        return named and any(str(self.directory) in argument for argument in command)
