"""Parse a JSON Web Key Set."""

import base64
import binascii
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.keys import KeySet, RsaKey

# Of each kind. Each delivery that no key fits is checked with all of them.
MAX_KEYS = 16

_ED25519_LENGTH = 32
# Bits of an RSA modulus: shorter keys are not safe (RFC 7518, section 3.3), longer ones are slow.
_MIN_RSA, _MAX_RSA = 2048, 8192
_MAX_EXPONENT = 2**32
_MAX_ID = 128


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
    ed25519 = tuple(key for point in points if (key := _ed25519_key(point)) is not None)
    rsa = tuple(named for member in members if (named := _rsa_key(member)) is not None)
    return KeySet(ed25519=ed25519[:MAX_KEYS], rsa=rsa[:MAX_KEYS])


def _ed25519_point(member: Any) -> bytes | None:
    """The public key of one member; None unless it is Ed25519 and for signatures (RFC 8037)."""
    if not _signs(member, "OKP", ("EdDSA", "Ed25519")) or member.get("crv") != "Ed25519":
        return None
    point = _base64url(member.get("x"))
    return point if point is not None and len(point) == _ED25519_LENGTH else None


def _ed25519_key(point: bytes) -> Ed25519PublicKey | None:
    try:
        return Ed25519PublicKey.from_public_bytes(point)
    except ValueError:
        return None


def _rsa_key(member: Any) -> RsaKey | None:
    """The public key of one member; None unless it is RSA and for RS256 (RFC 7518, section 6.3)."""
    if not _signs(member, "RSA", ("RS256",)):
        return None
    modulus, exponent = _number(member.get("n")), _number(member.get("e"))
    if not _MIN_RSA <= modulus.bit_length() <= _MAX_RSA or modulus % 2 == 0:
        return None
    if exponent > _MAX_EXPONENT:
        return None
    try:
        public = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None
    return RsaKey(_key_id(member.get("kid")), public)


def _signs(member: Any, kind: str, algorithms: tuple[str, ...]) -> bool:
    """Whether a member is a key of this kind and may verify signatures of these algorithms."""
    if not isinstance(member, dict) or member.get("kty") != kind:
        return False
    if member.get("use", "sig") != "sig" or member.get("alg", algorithms[0]) not in algorithms:
        return False
    operations = member.get("key_ops", ["verify"])
    return isinstance(operations, list) and "verify" in operations


def _key_id(value: Any) -> str | None:
    """An empty id is none: Google publishes such ones (WICG/email-verification#43)."""
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_ID else None


def _number(text: Any) -> int:
    return int.from_bytes(_base64url(text) or b"", "big")


def _base64url(text: Any) -> bytes | None:
    """Decode without padding (RFC 7515, section 2)."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
