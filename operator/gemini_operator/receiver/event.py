"""Derive `status.lastEvent` from a verified delivery.

All members but the fallback time come from signed content that is the same in every retry. So a
redelivery gives an equal event, and the API server has nothing to write (P19).

The body is `{"type", "timestamp", "data": {"id", …}}`; see ai.google.dev/gemini-api/docs/webhooks.
"""

import json
import re
from datetime import UTC, datetime
from typing import Any

from gemini_operator.api.model import MAX_YEAR, MIN_YEAR
from gemini_operator.api.v1alpha1.status import LastEvent
from gemini_operator.receiver.signatures.verdict import SignedContent

# Grammars of what may go into a status. Anything else in the body is left out, not refused: the
# signature is valid, and Google would send the same again.
_TYPE = re.compile(r"[A-Za-z0-9_-]{1,32}(\.[A-Za-z0-9_-]{1,32}){0,2}", re.ASCII)
_REMOTE_ID = re.compile(r"(?:batches/)?([A-Za-z0-9_-]{1,128})", re.ASCII)
_LAST_TIMESTAMP = int(datetime(MAX_YEAR, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


def derive(signed: SignedContent, attempt: str) -> LastEvent:
    """Return `status.lastEvent` for a delivery. No body makes it raise.

    `type` and `remoteName` are absent if the body has no usable ones. `time` is the event's, or the
    time of the signature if the event has none.
    """
    envelope = _parse(signed.body)
    data = envelope.get("data")
    return LastEvent(
        id=signed.id,
        type=_matched(_TYPE, envelope.get("type")),
        attempt=attempt,
        remote_name=_remote_name(data.get("id") if isinstance(data, dict) else None),
        time=_event_time(envelope.get("timestamp")) or _signature_time(signed.timestamp),
    )


def concerns(event: LastEvent, family: str) -> bool:
    """Whether the event may be about this family of jobs, such as `batch`.

    An event without a type may be about any family.
    """
    return event.type is None or event.type.split(".")[0] == family


def _parse(body: bytes) -> dict[str, Any]:
    try:
        envelope = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return {}
    return envelope if isinstance(envelope, dict) else {}


def _matched(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _remote_name(value: Any) -> str | None:
    match = _REMOTE_ID.fullmatch(value) if isinstance(value, str) else None
    return f"batches/{match[1]}" if match else None


def _event_time(value: Any) -> datetime | None:
    """Parse an RFC 3339 time. Without an offset it is UTC."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if MIN_YEAR <= time.year <= MAX_YEAR else None


def _signature_time(timestamp: int) -> datetime:
    return datetime.fromtimestamp(min(timestamp, _LAST_TIMESTAMP), UTC)
