"""Moments as the Gemini API writes them."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Answers with the present moment in seconds since 1970 (UTC)."""


def rfc3339(moment: float) -> str:
    """Write seconds since 1970 with nanoseconds, as Google's service does."""
    seconds = int(moment)
    nanoseconds = int((moment - seconds) * 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def rfc3339_seconds(moment: float) -> str:
    """Write seconds since 1970 with whole seconds, the form of a webhook's payload."""
    return f"{datetime.fromtimestamp(int(moment), UTC):%Y-%m-%dT%H:%M:%SZ}"
