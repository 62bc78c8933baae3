"""The signing secrets of registered webhooks, and the signatures that they make.

The signature is `v1` of Standard Webhooks (https://www.standardwebhooks.com): HMAC-SHA256 over
`{id}.{timestamp}.{body}`. The key is what `whsec_<base64>` encodes.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import Any, Self

from gemini_emulator.schedule import rfc3339
from gemini_emulator.signing import Message

OVERLAP = 24 * 3600.0
"""Seconds that the older secrets still sign after a rotation that does not revoke them at once."""

_PREFIX = "whsec_"
_KEY_BYTES = 24
"""A multiple of 3: the base64 of public samples ends without padding."""

_SHOWN = 4


@dataclass(frozen=True)
class SigningSecret:
    """One secret; `expires` is in seconds since 1970, and None for the newest secret."""

    secret: str
    expires: float | None = None

    @classmethod
    def generate(cls) -> Self:
        return cls(_PREFIX + base64.b64encode(token_bytes(_KEY_BYTES)).decode())

    def is_valid(self, now: float) -> bool:
        return self.expires is None or now < self.expires

    def expire_by(self, moment: float) -> Self:
        """Return the secret with an expiry; an earlier expiry stays."""
        return replace(self, expires=moment if self.expires is None else min(self.expires, moment))

    def sign(self, message: Message) -> str:
        """Return `v1,<base64>`.

        The `standardwebhooks` package takes the body as text and drops the time zone of the
        timestamp. The bytes that are sent have to be the bytes that are signed.
        """
        key = base64.b64decode(self.secret.removeprefix(_PREFIX))
        signed = f"{message.id}.{message.timestamp}.".encode() + message.body
        return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()

    def resource(self) -> dict[str, Any]:
        """Return what the API shows of a secret after its creation: the last characters."""
        shown = {"truncated_secret": f"{_PREFIX}...{self.secret[-_SHOWN:]}"}
        return shown if self.expires is None else shown | {"expire_time": rfc3339(self.expires)}


def signature(secrets: Sequence[SigningSecret], message: Message) -> str:
    """Return the `webhook-signature` header: one signature per secret, separated by spaces."""
    return " ".join(secret.sign(message) for secret in secrets)
