"""The kinds of signature that a route accepts.

The shape of a token selects the check. Each kind has keys of its own, so a token cannot be checked
with the key of another algorithm.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gemini_operator.receiver.signatures import ed25519, hmac_sha256, rs256
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.verdict import Check, SignedContent, Verdict

TokenCheck = Callable[[WebhookHeaders, bytes, bytes, KeySet, float], Check]
"""`(headers, raw body, token, keys, now) -> check`. No input makes it raise."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of signature: its name in metrics and logs, the shape of its tokens, its check."""

    name: str
    shape: re.Pattern[bytes]
    verify: TokenCheck


V1 = Scheme("v1", hmac_sha256.SHAPE, hmac_sha256.verify)
V1A = Scheme("v1a", ed25519.SHAPE, ed25519.verify)

STATIC = (V1,)
"""The schemes of static webhooks, which are registered at Google for a whole project."""


def jwt(policy: TokenPolicy) -> Scheme:
    """Return the scheme of RS256 tokens that fulfil the policy."""
    return Scheme("jwt", rs256.SHAPE, policy.verify)


def dynamic(tokens: TokenPolicy | None) -> tuple[Scheme, ...]:
    """Return the schemes of dynamic webhooks, whose address is given with the job.

    Args:
        tokens: what RS256 tokens have to fulfil; None if none are accepted.
    """
    return (V1A,) if tokens is None else (V1A, jwt(tokens))


@dataclass(frozen=True, slots=True)
class Verification:
    """The best verdict of all tokens, with the scheme and the content of its token."""

    verdict: Verdict
    scheme: str = "none"
    content: SignedContent | None = None


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
        check = scheme.verify(headers, body, token, keys, now)
        if check.verdict is Verdict.VALID:
            return Verification(check.verdict, scheme.name, check.content)
        # A mismatch may be cured by newer keys, so one is enough to fetch them.
        if best.verdict is Verdict.UNACCEPTED:
            best = Verification(check.verdict, scheme.name)
    return best
