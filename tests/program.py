"""`gemini-operator` in a process of its own, without the second that it needs to import its libraries.

A server has imported them once and forks itself for every start: hundreds of tests need hundreds of
starts. What runs is the same program, in a process of its own that is killed like any other.
"""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from gemini_operator import cli

PROGRAM = Path(sys.executable).with_name("gemini-operator")
"""As it is installed, for tests of the command itself."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "gemini_operator.cli",
        "gemini_operator.controller.command",
        "gemini_emulator.command",
        "gemini_operator.receiver.command",
    ]
)


class Child:
    """What tests need of a process; its environment is that of the first start."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, or `None` while the process runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """
        The exit status.

        Raises:
            subprocess.TimeoutExpired: the process runs on after `timeout` seconds.
        """
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired("gemini-operator", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Sent to the number, which stays the process's own until `poll` has told of its end."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def start(arguments: Sequence[str], log: Path) -> Child:
    """Run the program; what it prints is added to `log`."""
    log.touch()
    process = _CONTEXT.Process(target=_run, args=(tuple(arguments), str(log)), daemon=True)
    process.start()
    return Child(process)


def _run(arguments: Sequence[str], log: str) -> None:
    """In the new process: become the program."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(file, standard)
    sys.argv = ["gemini-operator", *arguments]
    cli.main()
