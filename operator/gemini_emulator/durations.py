"""Durations and named durations as written on the command line."""

import re
from collections.abc import Mapping

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def duration(text: str) -> float:
    """Read `500ms`, `2s`, `5m` or `24h` as seconds; ValueError names what is wrong."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration; write for example 500ms, 2s, 5m or 24h")
    return float(match[1]) * UNITS[match[2]]


def named_durations(text: str, defaults: Mapping[str, float]) -> dict[str, float]:
    """Read `name=duration,…`; names that are left out keep their default, in seconds."""
    result = dict(defaults)
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name.strip() not in defaults:
            raise ValueError(f"{name.strip()!r} is unknown; known are {', '.join(defaults)}")
        result[name.strip()] = duration(value)
    return result
