"""Signatures of callbacks, the keys that make them, and the public key set that verifies them.

`v1a` is Ed25519 over `{id}.{timestamp}.{body}`. Seen live (googleapis/python-genai#2927): the
header is `v1a,<base64>`, and the JWKS holds three keys without `kid`. The other kind is a JWT with
RS256, as https://ai.google.dev/gemini-api/docs/webhooks documents.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gemini_emulator.store import read_json, write_json

SignatureMode = Literal["v1a", "jwt", "both"]
_ED25519_KEYS = 3
_ISSUER = "https://generativelanguage.googleapis.com"
TOKEN_LIFETIME = 300
"""How many seconds a token is valid."""


@dataclass(frozen=True)
class Message:
    """One attempt at a delivery, to be signed: `uri` is the address that is called."""

    id: str
    timestamp: int
    body: bytes
    uri: str


class Ed25519Signer:
    """Signs with the last of three Ed25519 keys."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_file():
            seeds = map(bytes.fromhex, read_json(path))
            self._keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        else:
            self._save([Ed25519PrivateKey.generate() for _ in range(_ED25519_KEYS)])

    def sign(self, message: Message) -> str:
        signed = f"{message.id}.{message.timestamp}.".encode() + message.body
        return "v1a," + base64.b64encode(self._keys[-1].sign(signed)).decode()

    def public_keys(self) -> list[dict[str, str]]:
        return [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": _base64url(key.public_key().public_bytes_raw()),
            }
            for key in self._keys
        ]

    def rotate(self) -> None:
        """Add a key, which signs from now on, and drop the oldest."""
        self._save([*self._keys[1:], Ed25519PrivateKey.generate()])

    def _save(self, keys: list[Ed25519PrivateKey]) -> None:
        self._keys = keys
        write_json(self._path, [key.private_bytes_raw().hex() for key in keys])


class TokenSigner:
    """Signs JWTs with one RSA key, which verifiers find by its `kid`.

    Args:
        path: of the file with the key.
        audience: of all tokens; None for the address that is called.
    """

    def __init__(self, path: Path, audience: str | None = None) -> None:
        self._path = path
        self._audience = audience
        if path.is_file():
            record = read_json(path)
            self._kid = str(record["kid"])
            self._key = _load(bytes.fromhex(record["key"]))
        else:
            self.rotate()

    def sign(self, message: Message) -> str:
        """Return a JWT. Google documents no claims; these bind the address and the event."""
        header = {"alg": "RS256", "typ": "JWT", "kid": self._kid}
        claims = {
            "iss": _ISSUER,
            "aud": self._audience or message.uri,
            "iat": message.timestamp,
            "exp": message.timestamp + TOKEN_LIFETIME,
            "jti": message.id,
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def public_keys(self) -> list[dict[str, str]]:
        numbers = self._key.public_key().public_numbers()
        return [
            {
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": self._kid,
                "n": _base64url(_big_endian(numbers.n)),
                "e": _base64url(_big_endian(numbers.e)),
            }
        ]

    def rotate(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = token_hex(20)
        write_json(self._path, {"kid": self._kid, "key": _dump(self._key).hex()})


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _dump(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _load(der: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_der_private_key(der, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key kept for tokens is not an RSA key")
    return key


class Signer(Protocol):
    """One kind of signature, with its keys in a file."""

    def sign(self, message: Message) -> str: ...
    def public_keys(self) -> list[dict[str, str]]: ...
    def rotate(self) -> None: ...


class SigningKeys:
    """The signers of the chosen mode, and their public keys."""

    def __init__(self, folder: Path, mode: SignatureMode, audience: str | None = None) -> None:
        # Google's JWKS contains the Ed25519 keys in every mode.
        self._ed25519 = Ed25519Signer(folder / "ed25519.json")
        tokens = [] if mode == "v1a" else [TokenSigner(folder / "rs256.json", audience)]
        self._all: list[Signer] = [self._ed25519, *tokens]
        self._signing: list[Signer] = [*tokens] if mode == "jwt" else self._all

    def signature(self, message: Message) -> str:
        """Return the `webhook-signature` header: one signature, or two separated by a space."""
        return " ".join(signer.sign(message) for signer in self._signing)

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key for signer in self._all for key in signer.public_keys()]}

    def rotate(self) -> None:
        """Sign with new keys from now on."""
        for signer in self._all:
            signer.rotate()


def _base64url(value: bytes) -> str:
    """Encode without padding, as in JSON Web Keys and Tokens (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
