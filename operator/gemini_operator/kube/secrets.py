"""One key of one Secret, read when it is needed: Secrets are never listed nor watched."""

import base64
import binascii

from pydantic import SecretStr

from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import KubeError


class KeyMissing(KubeError):
    """The Secret is there, without this key or with a value that isn't text."""


async def read_key(client: KubeClient, namespace: str, name: str, key: str) -> SecretStr:
    """The value, as it is stored. Raise NotFound without the Secret, KeyMissing without the key."""
    secret = await client.get("api", "v1", "namespaces", namespace, "secrets", name)
    encoded = (secret.get("data") or {}).get(key)
    if not encoded:
        raise KeyMissing(404, "KeyMissing", f"Secret {name} has no key {key}, or it is empty")
    try:
        return SecretStr(base64.b64decode(encoded, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        text = f"key {key} of Secret {name} is not UTF-8 text"
        raise KeyMissing(404, "KeyMissing", text) from None
