"""The keys behind callback addresses: files that may change while we run."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretBytes

from gemini_operator.telemetry import logs, metrics

RECHECK_SECONDS = 1.0

_log = logs.get_logger(__name__)
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_CONTENT = re.compile(rb"[0-9a-fA-F]{64}\r?\n?")

FileState = tuple[str, int, int, int]
"""A file's name, time of change in ns, size in bytes and inode."""


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """32 bytes, known by the name of their file."""

    id: str
    secret: SecretBytes


class KeyDirectory:
    """The key files of a directory; `signing` names the one that signs, all of them verify.

    A key file holds 64 hex characters. Dotfiles and folders are ignored, as a mounted Secret
    has both (S18). Raises ValueError with one line when the files are not usable at the start;
    later a bad change is logged and the last good keys stay in use.
    """

    def __init__(
        self,
        path: str | Path,
        signing: str | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._signing = signing
        self._clock = clock
        self._complaint = ""
        self._seen = _look(self._path)
        self._keys = self._load()
        self._next_check = clock() + RECHECK_SECONDS

    def signing(self) -> CallbackKey:
        """The key for new addresses; ValueError when none was named."""
        if self._signing is None:
            raise ValueError("no callback signing key is configured")
        return next(key for key in self.verifying() if key.id == self._signing)

    def verifying(self) -> tuple[CallbackKey, ...]:
        """Every key, in the order of their names."""
        if self._clock() >= self._next_check:
            self._next_check = self._clock() + RECHECK_SECONDS
            self._reload()
        return self._keys

    def _reload(self) -> None:
        try:
            seen = _look(self._path)
            if seen == self._seen:
                return
            self._seen = seen
            self._keys = self._load()
        except ValueError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                _log.error("callback keys not reloaded, the last good ones stay", reason=str(error))
        else:
            self._complaint = ""
            _log.info("callback keys reloaded", keys=[key.id for key in self._keys])

    def _load(self) -> tuple[CallbackKey, ...]:
        keys = tuple(_read(self._path / name) for name, *_ in self._seen)
        if not keys:
            raise ValueError(f"callback keys: {self._path} holds no key file")
        owners: dict[bytes, str] = {}
        for key in keys:
            first = owners.setdefault(key.secret.get_secret_value(), key.id)
            if first != key.id:
                raise ValueError(f"callback keys: {first} and {key.id} hold the same key")
        if self._signing is not None and self._signing not in owners.values():
            raise ValueError(
                f"callback keys: the signing key {self._signing!r} is not in {self._path}"
            )
        _publish(keys)
        return keys


def _publish(keys: tuple[CallbackKey, ...]) -> None:
    metrics.CALLBACK_KEYS.clear()
    for key in keys:
        metrics.CALLBACK_KEYS.labels(key.id).set(1)


def _look(directory: Path) -> tuple[FileState, ...]:
    """What changes when a key file does, or when a mounted Secret swaps its `..data` link."""
    try:
        with os.scandir(directory) as entries:
            found = [
                (entry.name, entry.stat())
                for entry in entries
                if not entry.name.startswith(".") and entry.is_file()
            ]
    except OSError as error:
        raise ValueError(f"callback keys: {directory}: {error.strerror}") from None
    return tuple(
        (name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in sorted(found)
    )


def _read(path: Path) -> CallbackKey:
    if not _FILE_NAME.fullmatch(path.name):
        raise ValueError(
            f"callback keys: {path.name!r}: a key file's name has up to 63 letters, digits, "
            "dots, dashes and underscores"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"callback keys: {path}: {error.strerror}") from None
    if not _CONTENT.fullmatch(content):
        raise ValueError(
            f"callback keys: {path} must hold 64 hex characters, as `openssl rand -hex 32` writes"
        )
    return CallbackKey(path.name, SecretBytes(bytes.fromhex(content.decode("ascii"))))
