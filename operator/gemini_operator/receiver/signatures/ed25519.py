"""Tokens `v1a,<base64>`: Ed25519 signatures of `<id>.<timestamp>.<raw body>`.

That is what Gemini signs, as live deliveries in googleapis/python-genai#2927 show. The token's form
is from Standard Webhooks 1.0.0.
"""

import re

from cryptography.exceptions import InvalidSignature

from gemini_operator.receiver.signatures import canonical, verdict
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Check, SignedContent

PREFIX = b"v1a,"
SHAPE = re.compile(rb"v1a,[^,]*")

_SIGNATURE_LENGTH = 64
_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def verify(headers: WebhookHeaders, body: bytes, token: bytes, keys: KeySet, now: float) -> Check:
    """Check one token with every Ed25519 key. No input makes it raise."""
    del now  # the signature covers the timestamp, which is checked before
    signature = _decode(token)
    if signature is None:
        return verdict.UNACCEPTED
    message = headers.signed_prefix + body
    for key in keys.likeliest():
        try:
            key.verify(signature, message)
        # While Google changes its key, there are two.
        except InvalidSignature:
            continue
        keys.verified(key)
        return verdict.valid(SignedContent(headers.id, headers.timestamp, body))
    return verdict.MISMATCH


def _decode(token: bytes) -> bytes | None:
    """Decode the 64 bytes of a signature; None for any other spelling of it."""
    signature = canonical.decode(token.removeprefix(PREFIX), _SIGNATURE_LENGTH)
    if signature is None:
        return None
    # A larger scalar is a second spelling of the same signature (RFC 8032, 5.1.7).
    scalar = int.from_bytes(signature[32:], "little")
    return signature if scalar < _GROUP_ORDER else None
