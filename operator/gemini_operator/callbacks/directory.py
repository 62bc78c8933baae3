"""A directory of secrets: files that may change while we run, as those of a mounted Secret do."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from gemini_operator.base import logs

RECHECK_SECONDS = 1.0

_log = logs.get_logger(__name__)

T = TypeVar("T")

FileState = tuple[str, int, int, int]
"""A file's name, time of change in ns, size in bytes and inode."""


class Directory(Generic[T]):
    """What `load` makes of the files of a directory, made again when they change.

    Dotfiles and folders are ignored, as a mounted Secret has both (S18). Raises ValueError with one
    line when the files are not usable at the start; later that is logged and the last good ones
    stay in use.

    Args:
        what: the files in a few words, for log lines and errors.
        load: from the sorted paths of the files; raises ValueError with one line.
    """

    def __init__(
        self,
        path: str | Path,
        what: str,
        load: Callable[[Sequence[Path]], T],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._what = what
        self._load = load
        self._clock = clock
        self._complaint = ""
        self._seen = self._look()
        self._current = load(self._files())
        self._next_check = clock() + RECHECK_SECONDS

    def current(self) -> T:
        """What the files held a second ago at most."""
        if self._clock() >= self._next_check:
            self._next_check = self._clock() + RECHECK_SECONDS
            self._reload()
        return self._current

    def _reload(self) -> None:
        try:
            seen = self._look()
            if seen == self._seen:
                return
            self._seen = seen
            self._current = self._load(self._files())
        except ValueError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error(
                    f"{self._what} not reloaded; the last valid ones are still used",
                    reason=str(error),
                )
        else:
            self._complaint = ""
            _log.info(f"{self._what} reloaded", files=[file.name for file in self._files()])

    def _files(self) -> list[Path]:
        return [self._path / name for name, *_ in self._seen]

    def _look(self) -> tuple[FileState, ...]:
        """What changes when a file does, or when a mounted Secret swaps its `..data` link."""
        try:
            with os.scandir(self._path) as entries:
                found = [
                    (entry.name, entry.stat())
                    for entry in entries
                    if not entry.name.startswith(".") and entry.is_file()
                ]
        except OSError as error:
            raise ValueError(f"{self._what}: {self._path}: {error.strerror}") from None
        return tuple(
            (name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in sorted(found)
        )


def read(path: Path, what: str) -> bytes:
    """The content of one file; raises ValueError with one line."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{what}: {path}: {error.strerror}") from None
