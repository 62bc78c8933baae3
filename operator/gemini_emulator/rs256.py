"""JWT signatures, RS256, as https://ai.google.dev/gemini-api/docs/webhooks documents them."""

import json
from pathlib import Path
from secrets import token_hex

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gemini_emulator import base64url
from gemini_emulator.message import Message
from gemini_emulator.store import read_json, write_json

ISSUER = "https://generativelanguage.googleapis.com"
LIFETIME = 300
"""Seconds that a token is valid for."""


class TokenSigner:
    """One RSA key, found by its `kid`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.is_file():
            record = read_json(path)
            self._kid = str(record["kid"])
            self._key = _load(bytes.fromhex(record["key"]))
        else:
            self.rotate()

    def sign(self, message: Message) -> str:
        """Which claims Google sends is not documented; these bind the address and the event."""
        header = {"alg": "RS256", "typ": "JWT", "kid": self._kid}
        claims = {
            "iss": ISSUER,
            "aud": message.uri,
            "iat": message.timestamp,
            "exp": message.timestamp + LIFETIME,
            "jti": message.id,
        }
        signed = ".".join(base64url.encode(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64url.encode(signature)}"

    def public_keys(self) -> list[dict[str, str]]:
        numbers = self._key.public_key().public_numbers()
        return [
            {
                "kty": "RSA",
                "use": "sig",
                "alg": "RS256",
                "kid": self._kid,
                "n": base64url.encode(_big_endian(numbers.n)),
                "e": base64url.encode(_big_endian(numbers.e)),
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
