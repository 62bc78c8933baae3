"""The keys that sign callback addresses, in files that are reloaded when they change."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretBytes

from gemini_operator.base import metrics
from gemini_operator.callbacks import directory
from gemini_operator.callbacks.directory import Directory
from gemini_operator.callbacks.randomness import looks_random

_WHAT = "callback keys"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_CONTENT = re.compile(rb"[0-9a-fA-F]{64}\r?\n?")


@dataclass(frozen=True, slots=True)
class CallbackKey:
    """A key of 32 bytes; its id is the name of its file."""

    id: str
    secret: SecretBytes


class KeyDirectory:
    """The callback keys in a directory. One signs new addresses, all of them verify.

    A key file has 64 random hexadecimal characters. For the rest see `Directory`.

    Args:
        path: of the directory.
        signing: the name of the file that signs; `None` if this process only verifies.
        clock: monotonic seconds.

    Raises:
        ValueError: the files cannot be used at the start; the message is one line.
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
        self._keys = Directory(path, _WHAT, self._load, clock=clock)

    def signing(self) -> CallbackKey:
        """Return the key for new addresses.

        Raises:
            ValueError: no signing key is configured.
        """
        if self._signing is None:
            raise ValueError("no callback signing key is configured")
        return next(key for key in self.verifying() if key.id == self._signing)

    def verifying(self) -> tuple[CallbackKey, ...]:
        """Return all keys, in the order of their names."""
        return self._keys.current()

    def _load(self, files: Sequence[Path]) -> tuple[CallbackKey, ...]:
        keys = tuple(map(_read, files))
        if not keys:
            raise ValueError(f"{_WHAT}: {self._path} holds no key file")
        owners: dict[bytes, str] = {}
        for key in keys:
            # The same key twice would survive the removal of one file, and so a rotation.
            first = owners.setdefault(key.secret.get_secret_value(), key.id)
            if first != key.id:
                raise ValueError(f"{_WHAT}: {first} and {key.id} hold the same key")
        if self._signing is not None and self._signing not in owners.values():
            raise ValueError(f"{_WHAT}: the signing key {self._signing!r} is not in {self._path}")
        _publish(keys)
        return keys


def _publish(keys: tuple[CallbackKey, ...]) -> None:
    metrics.CALLBACK_KEYS.clear()
    for key in keys:
        metrics.CALLBACK_KEYS.labels(key.id).set(1)


def _read(path: Path) -> CallbackKey:
    if not _FILE_NAME.fullmatch(path.name):
        raise ValueError(
            f"{_WHAT}: {path.name!r}: a key file's name has up to 63 letters, digits, "
            "dots, dashes and underscores"
        )
    content = directory.read(path, _WHAT)
    if not _CONTENT.fullmatch(content):
        raise ValueError(
            f"{_WHAT}: {path} must hold 64 hex characters, as `openssl rand -hex 32` writes"
        )
    secret = bytes.fromhex(content.decode("ascii"))
    if not looks_random(secret):
        # A user who guesses the key can make a valid address for any job.
        raise ValueError(
            f"{_WHAT}: {path} holds a pattern that can be guessed; write a random key into it "
            "with `openssl rand -hex 32`"
        )
    return CallbackKey(path.name, SecretBytes(secret))
