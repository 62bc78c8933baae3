"""Tokens `v1,<base64>`: HMAC-SHA256 of `<id>.<timestamp>.<raw body>`, from Standard Webhooks 1.0.0.

Gemini signs static webhooks with them. Why this is not the library's `verify`: decision 0029.
"""

import hmac
import re

from gemini_operator.receiver.signatures import canonical, verdict
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Check, SignedContent

PREFIX = b"v1,"
SHAPE = re.compile(rb"v1,[^,]*")

_DIGEST_LENGTH = 32


def verify(headers: WebhookHeaders, body: bytes, token: bytes, keys: KeySet, now: float) -> Check:
    """Check one token with every secret. No input makes it raise."""
    del now  # the signature covers the timestamp, which is checked before
    digest = canonical.decode(token.removeprefix(PREFIX), _DIGEST_LENGTH)
    if digest is None:
        return verdict.UNACCEPTED
    expected = keys.digests(headers.signed_prefix + body)
    # All secrets are tried, so that the time does not tell which one matched.
    matches = [hmac.compare_digest(each, digest) for each in expected]
    if not any(matches):
        return verdict.MISMATCH
    return verdict.valid(SignedContent(headers.id, headers.timestamp, body))
