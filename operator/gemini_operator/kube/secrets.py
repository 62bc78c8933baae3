"""Reads a Secret when it is needed. Secrets are never listed or watched."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import KubeError


class KeyMissing(KubeError):
    """The Secret exists, but lacks the key, or its value is empty or not text."""


@dataclass(frozen=True)
class Secret:
    """A Secret whose keys are all needed."""

    name: str
    data: Mapping[str, SecretStr]
    """Decoded from base64 and otherwise unchanged."""
    annotations: Mapping[str, str]


async def read(client: KubeClient, namespace: str, name: str) -> Secret:
    """Return a whole Secret.

    Raises:
        ObjectNotFound: there is no such Secret.
        KeyMissing: a value is not UTF-8.
        KubeError: no answer.
    """
    secret = await client.get("api", "v1", "namespaces", namespace, "secrets", name)
    data = {
        key: _decoded(name, key, encoded or "")
        for key, encoded in (secret.get("data") or {}).items()
    }
    return Secret(name, data, dict(secret["metadata"].get("annotations") or {}))


async def read_key(client: KubeClient, namespace: str, name: str, key: str) -> SecretStr:
    """Return the value of a key, decoded from base64 and otherwise unchanged.

    Raises:
        ObjectNotFound: there is no such Secret.
        KeyMissing: the Secret has no such key, or its value is empty or not UTF-8.
        KubeError: no answer.
    """
    secret = await client.get("api", "v1", "namespaces", namespace, "secrets", name)
    encoded = (secret.get("data") or {}).get(key)
    if not encoded:
        raise KeyMissing(404, "KeyMissing", "the Secret has no such key, or it is empty")
    return _decoded(name, key, encoded)


def _decoded(name: str, key: str, encoded: str) -> SecretStr:
    try:
        return SecretStr(base64.b64decode(encoded, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        text = f"key {key} of Secret {name} is not UTF-8 text"
        raise KeyMissing(404, "KeyMissing", text) from None
