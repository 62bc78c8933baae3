"""`v1a,<base64>`: Ed25519 over `<id>.<timestamp>.<raw body>`, as Gemini was seen to sign.

Source: googleapis/python-genai#2927 (live deliveries); the token's form is Standard Webhooks 1.0.0.
"""

import base64
import binascii
import re

from cryptography.exceptions import InvalidSignature

from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Verdict

PREFIX = b"v1a,"
SHAPE = re.compile(rb"v1a,[^,]*")

_SIGNATURE_LENGTH = 64
_GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def verify(headers: WebhookHeaders, body: bytes, token: bytes, keys: KeySet, now: float) -> Verdict:
    """Check one token against every Ed25519 key. Pure, and raises on no input."""
    del now  # the signature covers the timestamp, which was compared before
    signature = _decode(token)
    if signature is None:
        return Verdict.UNACCEPTED
    message = headers.signed_prefix + body
    for key in keys.ed25519:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return Verdict.VALID
    return Verdict.MISMATCH


def _decode(token: bytes) -> bytes | None:
    """The 64 bytes behind canonical base64; None for any second spelling of a signature."""
    encoded = token.removeprefix(PREFIX)
    try:
        signature = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(signature) != _SIGNATURE_LENGTH or base64.b64encode(signature) != encoded:
        return None
    scalar = int.from_bytes(signature[32:], "little")
    return signature if scalar < _GROUP_ORDER else None
