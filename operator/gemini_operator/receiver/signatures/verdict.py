"""What a check of a token finds: a verdict and, if it is valid, what its signature covers."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The result of checking one token."""

    VALID = "valid"
    MISMATCH = "mismatch"
    """Well-formed, but no known key made it. Newer keys may change that."""
    UNACCEPTED = "unaccepted"
    """Malformed, or of a kind that the route does not accept. No key can change that."""


@dataclass(frozen=True, slots=True)
class SignedContent:
    """All of a delivery that may be believed, as its signature covers it."""

    id: str
    """It is the same in every delivery with this content."""
    timestamp: int
    """Unix seconds of the signature."""
    body: bytes
    """Empty if the signature does not cover the body."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of checking one token; it has content only if the verdict is VALID."""

    verdict: Verdict
    content: SignedContent | None = None


MISMATCH = Check(Verdict.MISMATCH)
UNACCEPTED = Check(Verdict.UNACCEPTED)


def valid(content: SignedContent) -> Check:
    """Return the result of a token whose signature covers this content."""
    return Check(Verdict.VALID, content)
