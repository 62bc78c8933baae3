"""The three headers of Standard Webhooks, read strictly or not at all."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

TOLERANCE_SECONDS = 300
MAX_TOKENS = 16

_NAMES = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
# Without a dot, so that no part of the signed content can pass for another.
_ID = re.compile(rb"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class WebhookHeaders:
    """What a sender claims: the event's id, the attempt's time, and the tokens that prove both."""

    id: str
    timestamp: int
    """Unix seconds of this attempt to deliver, refreshed by every retry."""
    tokens: tuple[bytes, ...]
    signed_prefix: bytes
    """`<id>.<timestamp>.` with the very bytes received; the raw body follows it."""

    def is_current(self, now: float) -> bool:
        """Whether the attempt is at most five minutes away from `now` (Unix seconds)."""
        return abs(int(now) - self.timestamp) <= TOLERANCE_SECONDS


def read(raw_headers: Iterable[tuple[bytes, bytes]]) -> WebhookHeaders | None:
    """The three headers, or None unless each is there exactly once and well-formed.

    Names are matched in any case. Of two headers with one name, one part of a program may read
    the first and another the last, so a repeated header is refused.
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
    """Whether a proxy joined several headers into this token: a comma is part of its grammar."""
    return token.count(b",") > 1
