"""The signing secrets of static webhooks, in files that are reloaded when they change."""

import base64
import binascii
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretBytes

from gemini_operator.callbacks import directory
from gemini_operator.callbacks.directory import Directory

PREFIX = b"whsec_"

_WHAT = "signing secrets of static webhooks"
# Bytes, as Standard Webhooks 1.0.0 demands.
_MIN_LENGTH, _MAX_LENGTH = 24, 64
# Every delivery that no secret fits is checked with all of them.
_MAX_SECRETS = 8
LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
"""The grammar of both parts of a webhook's name: that of a DNS label."""


class StaticName(NamedTuple):
    """What the address of a static webhook names it by."""

    namespace: str
    """The namespace of the jobs that its events may be about."""
    name: str


class SecretDirectory:
    """The secrets of each static webhook: the files in `<path>/<namespace>/<name>`.

    Each file has one secret as Google returned it, `whsec_` and base64. Several are accepted at
    once, as Google signs with the old and the new one for a day after a rotation. The webhooks are
    those at the start; their files are looked at again every second.

    Raises:
        ValueError: the files cannot be used at the start; the message is one line.
    """

    def __init__(self, path: Path) -> None:
        self._webhooks = {
            StaticName(space.name, webhook.name): Directory(webhook, _WHAT, partial(_load, webhook))
            for space in _folders(path)
            for webhook in _folders(space)
        }
        if not self._webhooks:
            raise ValueError(f"{_WHAT}: {path} holds no folder <namespace>/<name>")

    @property
    def names(self) -> Sequence[StaticName]:
        """The webhooks that have secrets."""
        return tuple(self._webhooks)

    def of(self, name: StaticName) -> tuple[SecretBytes, ...] | None:
        """Return the secrets of a webhook; None if there is no such webhook."""
        found = self._webhooks.get(name)
        return None if found is None else found.current()


def _folders(path: Path) -> list[Path]:
    try:
        found = sorted(
            folder for folder in path.iterdir() if folder.is_dir() and folder.name[0] != "."
        )
    except OSError as error:
        raise ValueError(f"{_WHAT}: {path}: {error.strerror}") from None
    for folder in found:
        if not re.fullmatch(LABEL, folder.name):
            raise ValueError(
                f"{_WHAT}: {folder}: the name of a folder has up to 63 lower-case letters, digits "
                "and dashes"
            )
    return found


def _load(path: Path, files: Sequence[Path]) -> tuple[SecretBytes, ...]:
    if not files:
        raise ValueError(f"{_WHAT}: {path} holds no secret, so nothing could be verified")
    if len(files) > _MAX_SECRETS:
        raise ValueError(f"{_WHAT}: {path} holds more than {_MAX_SECRETS} secrets")
    return tuple(SecretBytes(_read(file)) for file in files)


def _read(path: Path) -> bytes:
    content = directory.read(path, _WHAT).removesuffix(b"\n").removesuffix(b"\r")
    secret = _decoded(content.removeprefix(PREFIX)) if content.startswith(PREFIX) else None
    if secret is None or not _MIN_LENGTH <= len(secret) <= _MAX_LENGTH:
        raise ValueError(
            f"{_WHAT}: {path} must hold one secret as Google returned it: whsec_ and base64 of "
            f"{_MIN_LENGTH} to {_MAX_LENGTH} bytes"
        )
    return secret


def _decoded(encoded: bytes) -> bytes | None:
    # Standard Webhooks' libraries accept secrets without padding.
    padded = encoded.rstrip(b"=") + b"=" * (-len(encoded.rstrip(b"=")) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except (binascii.Error, ValueError):
        return None
