"""A directory of secret files that are reloaded when they change, such as a mounted Secret."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from gemini_operator.base import logs

# A check is one scan of the directory, cheap enough for once a second.
RECHECK_SECONDS = 1.0

_log = logs.get_logger(__name__)

T = TypeVar("T")

FileState = tuple[str, int, int, int]
"""A file's name, time of change in nanoseconds, size in bytes, and inode."""


class Directory(Generic[T]):
    """The content of a directory's files, loaded again when they change.

    Dotfiles and folders are ignored, since a mounted Secret has both. If the files cannot be used
    after a change, that is logged, and the last good ones stay in use (S18).

    Args:
        path: of the directory.
        what: the files in a few words, for log lines and errors.
        load: makes the content from the sorted paths of the files; raises ValueError with one line.
        clock: monotonic seconds.

    Raises:
        ValueError: the files cannot be used at the start; the message is one line.
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
        """Return the content of the files, as it was at most a second ago."""
        if self._clock() >= self._next_check:
            self._next_check = self._clock() + RECHECK_SECONDS
            self._reload()
        return self._current

    def _reload(self) -> None:
        try:
            seen = self._look()
            if seen == self._seen:
                return
            # Before `load`, so that files that cannot be used are not loaded once a second.
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
        """Return what changes with a file, or when the kubelet swaps a Secret's `..data` link."""
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
    """Return the content of a file.

    Raises:
        ValueError: it cannot be read; the message is one line.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{what}: {path}: {error.strerror}") from None
