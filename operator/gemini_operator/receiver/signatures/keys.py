"""The keys a signature may be checked with, apart by kind so that kinds never cross."""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class KeySet:
    """Trusted public keys; empty where the publisher has none of a kind."""

    ed25519: tuple[Ed25519PublicKey, ...] = ()
