"""The keys that signatures are checked with."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from pydantic import SecretBytes


@dataclass(frozen=True, slots=True)
class RsaKey:
    """A public RSA key, and the id that tokens name it by; None if it was published without one."""

    id: str | None
    public: RSAPublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """Trusted keys. Each algorithm has a member of its own, so algorithms never mix."""

    ed25519: tuple[Ed25519PublicKey, ...] = ()
    rsa: tuple[RsaKey, ...] = ()
    hmac: tuple[SecretBytes, ...] = ()
    """The secrets of one static webhook."""
    _digests: dict[bytes, tuple[bytes, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )
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

    def rsa_named(self, key_id: str) -> tuple[RsaKey, ...]:
        """Return the RSA keys that a token with this `kid` may be signed with.

        A key that was published without an id may be any key.
        """
        named = tuple(key for key in self.rsa if key.id == key_id)
        return named or tuple(key for key in self.rsa if key.id is None)

    def digests(self, message: bytes) -> tuple[bytes, ...]:
        """Return the HMAC-SHA256 of a message with each secret.

        It is computed once for all tokens of a delivery: a stranger may send sixteen with 64 KiB.
        """
        found = self._digests.get(message)
        if found is None:
            found = tuple(
                hmac.digest(secret.get_secret_value(), message, "sha256") for secret in self.hmac
            )
            self._digests.clear()
            self._digests[message] = found
        return found
