"""The kinds of signature that a route accepts.

The shape of a token selects the check. Each kind has keys of its own, so a token cannot be checked
with the key of another algorithm.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gemini_operator.receiver.signatures import ed25519
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet, Verdict

TokenCheck = Callable[[WebhookHeaders, bytes, bytes, KeySet, float], Verdict]
"""`(headers, raw body, token, keys, now) -> verdict`. No input makes it raise."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of signature: its name in metrics and logs, the shape of its tokens, its check."""

    name: str
    shape: re.Pattern[bytes]
    verify: TokenCheck


V1A = Scheme("v1a", ed25519.SHAPE, ed25519.verify)

DYNAMIC = (V1A,)
"""The schemes of dynamic webhooks, whose address is given with the job."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The best verdict of all tokens, and the scheme of its token."""

    verdict: Verdict
    scheme: str = "none"


def verify(
    schemes: Sequence[Scheme], headers: WebhookHeaders, body: bytes, keys: KeySet, now: float
) -> Verification:
    """Check the tokens until one is valid. Tokens of unknown shape are skipped."""
    best = Verification(Verdict.UNACCEPTED)
    for token in headers.tokens:
        # Senders may add tokens of schemes that are newer than this version.
        scheme = next((scheme for scheme in schemes if scheme.shape.fullmatch(token)), None)
        if scheme is None:
            continue
        verdict = scheme.verify(headers, body, token, keys, now)
        if verdict is Verdict.VALID:
            return Verification(verdict, scheme.name)
        # A mismatch may be cured by newer keys, so one is enough to fetch them.
        if best.verdict is Verdict.UNACCEPTED:
            best = Verification(verdict, scheme.name)
    return best
