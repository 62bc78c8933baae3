"""Requests of a ConfigMap as JSON Lines, checked whole before anything is paid for."""

from collections.abc import Iterator
from typing import Any

from gemini_operator.payload import request_checks
from gemini_operator.payload.request_checks import (
    KEY_LIMIT,
    LISTED,
    InvalidLines,
    RequestType,
    Wrong,
)

__all__ = ["KEY_LIMIT", "InvalidLines", "parse"]

ENOUGH = 1000
"""Wrong lines after which no more are looked for: half a million would take two seconds (S10)."""


def parse(text: str, expected: RequestType | None = None) -> list[dict[str, Any]]:
    """Read requests, one a line; blank lines and a byte order mark are skipped.

    Args:
        text: the lines.
        expected: the type that every request must have; `None` for any.

    Returns:
        Items `{"key": …, "request": {…}}`, with `metadata` where the line has it.

    Raises:
        InvalidLines: at least one line is wrong, or there is none.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    numbered = [
        (number, line.removesuffix("\r"))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not text:
        raise InvalidLines(request_checks.EMPTY)
    if not numbered:
        raise InvalidLines(request_checks.NO_REQUESTS)
    if (other := _other_form(numbered)) is not None:
        raise InvalidLines(other)
    items: list[tuple[int, dict[str, Any]]] = []
    problems: list[tuple[int, Wrong]] = []
    for number, line in numbered:
        try:
            items.append((number, _request(line, expected)))
        except Wrong as wrong:
            problems.append((number, wrong))
            if len(problems) == ENOUGH:
                raise InvalidLines(_listed(problems, [], "at least ")) from None
    twice = list(_duplicates(items))
    if problems or twice:
        raise InvalidLines(_listed(problems, twice))
    return [item for _, item in items]


def _listed(problems: list[tuple[int, Wrong]], twice: list[tuple[int, int]], said: str = "") -> str:
    more = len(problems) + len(twice) - LISTED
    listed = request_checks.listed(problems, twice)
    return f"{listed}; and {said}{more} more" if more > 0 else listed


def _other_form(numbered: list[tuple[int, str]]) -> str | None:
    """What the text is if it is JSON, but not a line for each request."""
    (number, first), *more = numbered
    array = request_checks.begins_array(number, first)
    following = "\n".join(line for _, line in more)
    return array or request_checks.begins_long_object(number, first, following)


def _request(line: str, expected: RequestType | None) -> dict[str, Any]:
    item = request_checks.request_of(line, expected)
    return {
        name: item[name] for name in ("key", "request", "metadata") if item.get(name) is not None
    }


def _duplicates(items: list[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, int]]:
    seen: dict[str, int] = {}
    for number, item in items:
        first = seen.setdefault(item["key"], number)
        if first != number:
            yield first, number
