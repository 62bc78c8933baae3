"""Files that are either whole or not there, so that a killed process loses nothing."""

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
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file that takes the place of `path` when the block ends well."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    with replacing(path) as file:
        file.write(json.dumps(value, separators=(",", ":")).encode())


def read_json(path: Path) -> Any:
    return json.loads(path.read_bytes())


def records(root: Path, name: str) -> Iterator[tuple[Path, Any]]:
    """Yield every folder below `root` that has a record `name`, and remove those without one.

    The record is written last, so a folder without it was left by a process that died.
    """
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if (folder / name).is_file():
            yield folder, read_json(folder / name)
        else:
            shutil.rmtree(folder, ignore_errors=True)


class StateLock:
    """Keeps two emulators out of one state directory; the system releases it with the process."""

    def __init__(self, root: Path) -> None:
        """Raise BlockingIOError where another process holds the directory."""
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._handle)
            raise

    def release(self) -> None:
        os.close(self._handle)
