"""`v1a` signatures: Ed25519 over `{id}.{timestamp}.{body}`.

Seen live (googleapis/python-genai#2927): the header is `v1a,<base64>`, and the JWKS holds three
keys without `kid`.
"""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gemini_emulator import base64url
from gemini_emulator.message import Message
from gemini_emulator.store import read_json, write_json

_KEYS = 3


class Ed25519Signer:
    """Three keys, of which the last one signs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_file():
            seeds = map(bytes.fromhex, read_json(path))
            self._keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        else:
            self._keep([Ed25519PrivateKey.generate() for _ in range(_KEYS)])

    def sign(self, message: Message) -> str:
        signed = f"{message.id}.{message.timestamp}.".encode() + message.body
        return "v1a," + base64.b64encode(self._keys[-1].sign(signed)).decode()

    def public_keys(self) -> list[dict[str, str]]:
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": base64url.encode(key.public_key().public_bytes_raw()),
            }
            for key in self._keys
        ]

    def rotate(self) -> None:
        """Add a key, which signs from now on, and forget the oldest."""
        self._keep([*self._keys[1:], Ed25519PrivateKey.generate()])

    def _keep(self, keys: list[Ed25519PrivateKey]) -> None:
        self._keys = keys
        write_json(self._path, [key.private_bytes_raw().hex() for key in keys])
