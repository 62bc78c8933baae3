"""Signatures checked from their definitions, with nothing of the emulator."""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

Headers = dict[str, str]


def decode(text: str) -> bytes:
    """base64url without padding (RFC 7515)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def v1a_keys(signature: str, headers: Headers, body: bytes, jwks: Any) -> list[int]:
    """Which of the Ed25519 keys verify the entry, by their place in the set."""
    version, _, value = signature.partition(",")
    assert version == "v1a"
    stamp = f"{headers['webhook-id']}.{headers['webhook-timestamp']}."
    message = stamp.encode() + body
    found = []
    for place, key in enumerate(key for key in jwks["keys"] if key["kty"] == "OKP"):
        assert set(key) == {"kty", "crv", "x"}
        public = Ed25519PublicKey.from_public_bytes(decode(key["x"]))
        try:
            public.verify(base64.b64decode(value, validate=True), message)
        except InvalidSignature:
            continue
        found.append(place)
    return found


def v1_secrets(headers: Headers, body: bytes, secrets: list[str]) -> list[list[int]]:
    """For each entry of the signature: which of the secrets verify it, by their place."""
    found = []
    for entry in headers["webhook-signature"].split(" "):
        single = headers | {"webhook-signature": entry}
        found.append([n for n, secret in enumerate(secrets) if _verifies(secret, body, single)])
    return found


def _verifies(secret: str, body: bytes, headers: Headers) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def claims(token: str, jwks: Any) -> Any:
    """The claims of an RS256 token; raises InvalidSignature."""
    head, payload, signature = token.split(".")
    header = json.loads(decode(head))
    assert header["alg"] == "RS256"
    (key,) = [key for key in jwks["keys"] if key.get("kid") == header["kid"]]
    numbers = [int.from_bytes(decode(key[name])) for name in ("e", "n")]
    public = rsa.RSAPublicNumbers(*numbers).public_key()
    public.verify(
        decode(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    return json.loads(decode(payload))
