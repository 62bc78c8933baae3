"""Deliveries as Google was seen to send them, signed without the code under test."""

import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

EVENT_ID = "msg_5f0c9a52d8e94c0c8f6f0d8f3a1b2c4d"


def envelope(**changes: Any) -> dict[str, Any]:
    """The event that a batch with inline requests ends in."""
    return {
        "type": "batch.succeeded",
        "version": "v1",
        "timestamp": "2026-11-03T09:41:27.250Z",
        "data": {"id": "reviews-0123456789"},
    } | changes


def encoded(content: Any) -> bytes:
    return json.dumps(content).encode()


@dataclass(frozen=True)
class Signer:
    """One of Google's Ed25519 keys."""

    seed: bytes = field(default=bytes(range(32)), repr=False)

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def jwk(self, **members: Any) -> dict[str, Any]:
        point = self.private.public_key().public_bytes_raw()
        x = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
        return {"kty": "OKP", "crv": "Ed25519", "x": x} | members

    def token(self, event_id: str, timestamp: int | str, body: bytes) -> str:
        message = f"{event_id}.{timestamp}.".encode() + body
        return "v1a," + base64.b64encode(self.private.sign(message)).decode()

    def headers(
        self, body: bytes, *, event_id: str = EVENT_ID, timestamp: int | None = None
    ) -> dict[str, str]:
        """The three headers of a delivery made now, or at `timestamp` (Unix seconds)."""
        at = int(time.time()) if timestamp is None else timestamp
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(at),
            "webhook-signature": self.token(event_id, at, body),
        }


def jwks(*signers: Signer) -> bytes:
    return encoded({"keys": [signer.jwk() for signer in signers]})
