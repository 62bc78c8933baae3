"""Read the three headers of Standard Webhooks, strictly."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Five minutes, as the libraries of Standard Webhooks have it.
TOLERANCE_SECONDS = 300
# Each token is checked with each key, so their number is limited.
MAX_TOKENS = 16

_NAMES = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
# An id has no dot, so the parts of the signed content cannot be shifted.
_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
# One spelling of each number.
_TIMESTAMP = re.compile(rb"[1-9][0-9]{0,11}")


@dataclass(frozen=True, slots=True)
class WebhookHeaders:
    """The event's id, the time of the delivery, and the signature tokens."""

    id: str
    timestamp: int
    """Unix seconds of this delivery; every retry has a new one."""
    tokens: tuple[bytes, ...]
    signed_prefix: bytes
    """`<id>.<timestamp>.` in the bytes received. The raw body follows it."""

    def is_current(self, now: float) -> bool:
        """Whether the delivery is at most five minutes away from `now`, in Unix seconds."""
        return abs(int(now) - self.timestamp) <= TOLERANCE_SECONDS


def read(raw_headers: Iterable[tuple[bytes, bytes]]) -> WebhookHeaders | None:
    """Return the three headers; None unless each occurs exactly once and is well-formed.

    Names are matched in any case. A repeated header is refused, as one program reads the first of
    them and another the last.
    """
    found: dict[bytes, bytes] = {}
    for name, value in raw_headers:
        lowered = name.lower()
        if lowered not in _NAMES:
            continue
        if lowered in found:
            return None
        found[lowered] = value
    if len(found) != len(_NAMES):
        return None
    identifier, timestamp, signature = (found[name] for name in _NAMES)
    tokens = tuple(signature.split(b" "))
    if not _ID.fullmatch(identifier) or not _TIMESTAMP.fullmatch(timestamp):
        return None
    if not signature or len(tokens) > MAX_TOKENS or any(map(_is_folded, tokens)):
        return None
    return WebhookHeaders(
        identifier.decode("ascii"),
        int(timestamp),
        tokens,
        b"%b.%b." % (identifier, timestamp),
    )


def _is_folded(token: bytes) -> bool:
    """Whether a proxy joined several headers into this token, which has only one comma itself."""
    return token.count(b",") > 1
