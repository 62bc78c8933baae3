"""Parse a JSON Web Key Set."""

import base64
import binascii
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.keys import KeySet

# Each delivery that no key fits is checked with all of them.
MAX_KEYS = 16

_ED25519_LENGTH = 32


def parse(document: bytes) -> KeySet:
    """Return every usable key of the set, with or without `kid`, and skip the others.

    Raises:
        JwksError: the document is no JWK Set, or an empty one, as a broken publisher may send.
    """
    try:
        content = json.loads(document.decode("utf-8"))
    except (ValueError, RecursionError):
        raise JwksError("the answer is not JSON") from None
    members = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(members, list) or not members:
        raise JwksError("the answer holds no keys")
    # The same key under two ids is checked once; the order stays.
    points = dict.fromkeys(point for member in members if (point := _ed25519_point(member)))
    keys = tuple(key for point in points if (key := _ed25519_key(point)))
    return KeySet(ed25519=keys[:MAX_KEYS])


def _ed25519_point(member: Any) -> bytes | None:
    """The public key of one member; None unless it is Ed25519 and for signatures (RFC 8037)."""
    if not isinstance(member, dict):
        return None
    if member.get("kty") != "OKP" or member.get("crv") != "Ed25519":
        return None
    if member.get("use", "sig") != "sig" or member.get("alg", "EdDSA") not in ("EdDSA", "Ed25519"):
        return None
    operations = member.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    return _base64url(member.get("x"))


def _ed25519_key(point: bytes) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(point)
    except ValueError:
        return None


def _base64url(text: Any) -> bytes | None:
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        # 32 bytes are 43 digits without padding, so one sign of padding is missing.
        decoded = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) == _ED25519_LENGTH else None
