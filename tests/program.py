"""Processes of the program without the second that each needs to import its libraries.

A server has imported them once and forks itself for every start: hundreds of rows need hundreds of
starts. What runs is the same program, in a process of its own that is killed like any other.
"""

import multiprocessing
import os
import subprocess
import sys
from multiprocessing.context import ForkServerProcess
from typing import BinaryIO

from gemini_operator import cli
from tests.operator_process import Process, Spawned

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "__main__",
        "gemini_operator.cli",
        "gemini_operator.controller.command",
        "gemini_operator.receiver.command",
    ]
)


class Forked(Process):
    """As `Process`."""

    def _spawn(self, arguments: list[str], log: BinaryIO) -> Spawned:
        child = _CONTEXT.Process(target=_run, args=(arguments, log.name), daemon=True)
        child.start()
        return _Child(child)


class _Child:
    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired("gemini-operator", timeout or 0)
        return status

    def send_signal(self, sig: int) -> None:
        """Sent to the number, which stays the process's own until `poll` has told of its end."""
        if self._process.exitcode is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self._process.kill()


def _run(arguments: list[str], log: str) -> None:
    """In the new process: become the program."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(file, standard)
    sys.argv = ["gemini-operator", *arguments]
    cli.main()
