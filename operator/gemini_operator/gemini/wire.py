"""Reads members of Google's JSON objects that may be missing or of another type."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def time(value: object) -> datetime | None:
    """Return an RFC 3339 time, cut to microseconds; `None` if it is not one or has no zone."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return parsed if parsed is not None and parsed.tzinfo is not None else None


def member(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object inside an object; empty if there is none."""
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}
