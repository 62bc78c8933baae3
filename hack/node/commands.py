"""Runs programs that end by themselves, for a bounded time."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.errors import LocalError


def run(
    command: Sequence[str],
    *,
    timeout: float = 60,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program and return what it prints.

    Raises:
        LocalError: it is not installed, failed, or took longer than `timeout` seconds.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise LocalError(f"{name} is not installed") from None
    except subprocess.TimeoutExpired:
        raise LocalError(f"{' '.join(command)} was not done after {timeout:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
        raise LocalError(f"{' '.join(command)} failed: {said or f'exit code {done.returncode}'}")
    return done.stdout


def succeeds(
    command: Sequence[str],
    *,
    timeout: float = 60,
    environment: Mapping[str, str] | None = None,
) -> bool:
    """Whether a program ends with exit code 0 in time."""
    try:
        run(command, timeout=timeout, environment=environment)
    except LocalError:
        return False
    return True
