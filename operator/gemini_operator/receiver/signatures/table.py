"""Which kinds of signature a route accepts; the shape of a token chooses its verifier.

Each kind has keys of its own, so choosing by shape cannot confuse algorithms.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gemini_operator.receiver.signatures import ed25519
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Verdict

Verifier = Callable[[WebhookHeaders, bytes, bytes, KeySet, float], Verdict]
"""`(headers, raw body, token, keys, now) -> verdict`; pure, and raises on no input."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of signature: its name in metrics and logs, its tokens' shape, its verifier."""

    name: str
    shape: re.Pattern[bytes]
    verify: Verifier


V1A = Scheme("v1a", ed25519.SHAPE, ed25519.verify)

DYNAMIC = (V1A,)
"""Accepted where the address was given with the job (a dynamic webhook)."""


@dataclass(frozen=True, slots=True)
class Verification:
    """The best verdict that any token earned, and the scheme of the token that earned it."""

    verdict: Verdict
    scheme: str = "none"


def verify(
    schemes: Sequence[Scheme], headers: WebhookHeaders, body: bytes, keys: KeySet, now: float
) -> Verification:
    """Try the tokens in turn until one holds; unknown shapes are skipped, none is trusted."""
    best = Verification(Verdict.UNACCEPTED)
    for token in headers.tokens:
        scheme = next((scheme for scheme in schemes if scheme.shape.fullmatch(token)), None)
        if scheme is None:
            continue
        verdict = scheme.verify(headers, body, token, keys, now)
        if verdict is Verdict.VALID:
            return Verification(verdict, scheme.name)
        if best.verdict is Verdict.UNACCEPTED:
            best = Verification(verdict, scheme.name)
    return best
