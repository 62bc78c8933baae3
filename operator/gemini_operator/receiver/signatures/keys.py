"""The keys that signatures are checked with, and the verdict of a check."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """Trusted public keys. Each algorithm has a member of its own, so algorithms never mix."""

    ed25519: tuple[Ed25519PublicKey, ...] = ()
    _last: list[Ed25519PublicKey] = field(default_factory=list, repr=False, compare=False)

    def likeliest(self) -> Iterator[Ed25519PublicKey]:
        """Yield every Ed25519 key, first the one that verified last.

        Google publishes several and signs with one. A check takes about 0.1 ms of CPU.
        """
        last = self._last[0] if self._last else None
        if last is not None:
            yield last
        yield from (key for key in self.ed25519 if key is not last)

    def verified(self, key: Ed25519PublicKey) -> None:
        """Remember that `key` has verified a signature."""
        self._last[:] = [key]


class Verdict(StrEnum):
    """The result of checking one token."""

    VALID = "valid"
    MISMATCH = "mismatch"
    """Well-formed, but no known key made it. Newer keys may change that."""
    UNACCEPTED = "unaccepted"
    """Malformed, or of a kind that the route does not accept. No key can change that."""
