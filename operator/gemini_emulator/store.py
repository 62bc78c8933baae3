"""Atomic writes, JSON records and a lock, so that a killed process loses nothing."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Any


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that replaces `path` unless the block raises."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(value, separators=(",", ":")).encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def read_records(root: Path, name: str) -> Iterator[tuple[Path, Any]]:
    """Yield each folder below `root` with its record `name`, and remove folders without one.

    A record is written last and removed first: a killed process left a folder without one.
    """
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if (folder / name).is_file():
            yield folder, read_json(folder / name)
        else:
            shutil.rmtree(folder, ignore_errors=True)


class StateLock:
    """Locks a state directory for one emulator; the lock ends with the process."""

    def __init__(self, root: Path) -> None:
        """Take the lock.

        Raises:
            BlockingIOError: another process holds it.
        """
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise

    def release(self) -> None:
        os.close(self._handle)
