"""The keys that signatures are checked with, and the verdict of a check."""

from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """Trusted public keys. Each algorithm has a member of its own, so algorithms never mix."""

    ed25519: tuple[Ed25519PublicKey, ...] = ()


class Verdict(StrEnum):
    """The result of checking one token."""

    VALID = "valid"
    MISMATCH = "mismatch"
    """Well-formed, but no known key made it. Newer keys may change that."""
    UNACCEPTED = "unaccepted"
    """Malformed, or of a kind that the route does not accept. No key can change that."""
