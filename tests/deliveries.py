"""Deliveries as Google was seen to send them, signed without the code under test."""

import base64
import hmac
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
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


class WebhookSigner(ABC):
    """Signs the id, the time and the body of deliveries, as Standard Webhooks defines it."""

    @abstractmethod
    def token(self, event_id: str, timestamp: int | str, body: bytes) -> str:
        """The signature, with the name of its scheme."""

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


@dataclass(frozen=True)
class Signer(WebhookSigner):
    """One of Google's Ed25519 keys."""

    seed: bytes = field(default=bytes(range(32)), repr=False)

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def jwk(self, **members: Any) -> dict[str, Any]:
        point = self.private.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(point)} | members

    def token(self, event_id: str, timestamp: int | str, body: bytes) -> str:
        message = f"{event_id}.{timestamp}.".encode() + body
        return "v1a," + base64.b64encode(self.private.sign(message)).decode()


@dataclass
class TokenSigner:
    """One of the RSA keys that Google documents."""

    kid: str = "key-1"
    bits: int = 2048

    @cached_property
    def private(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, self.bits)

    def jwk(self, **members: Any) -> dict[str, Any]:
        numbers = self.private.public_key().public_numbers()
        named = {"kid": self.kid, "alg": "RS256", "use": "sig"}
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)} | named | members

    def token(
        self, claims: Mapping[str, Any] | bytes, *, header: Mapping[str, Any] | None = None
    ) -> str:
        """A JWT; members of `header` that are None are left out."""
        shown = {"alg": "RS256", "typ": "JWT", "kid": self.kid} | dict(header or {})
        kept = {name: value for name, value in shown.items() if value is not None}
        payload = claims if isinstance(claims, bytes) else encoded(claims)
        content = f"{base64url(encoded(kept))}.{base64url(payload)}"
        signature = self.private.sign(content.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{content}.{base64url(signature)}"


@dataclass(frozen=True)
class SecretSigner(WebhookSigner):
    """One signing secret of a static webhook."""

    secret: bytes = field(default=bytes(range(32)), repr=False)

    @property
    def text(self) -> str:
        """The secret as Google returns it."""
        return "whsec_" + base64.b64encode(self.secret).decode()

    def token(self, event_id: str, timestamp: int | str, body: bytes) -> str:
        message = f"{event_id}.{timestamp}.".encode() + body
        return "v1," + base64.b64encode(hmac.digest(self.secret, message, "sha256")).decode()


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwks(*signers: Signer | TokenSigner) -> bytes:
    return encoded({"keys": [signer.jwk() for signer in signers]})
