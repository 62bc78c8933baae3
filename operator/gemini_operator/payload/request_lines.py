"""Requests as JSON Lines, checked whole before anything is paid for.

Problems name line numbers, member names and what is wrong. They never quote values, which may be
anybody's data (S9).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from gemini_operator.api.v1alpha1.input import REQUEST_LEVELS
from gemini_operator.base import nesting, sanitize

KEY_LIMIT = 256

# Lines that are wrong in the same way in a file of a million are one mistake.
LISTED = 10

LINE = 'write {"key": "…", "request": {…}}, one a line'

MEMBERS = frozenset({"key", "request", "metadata"})

# What a line of OpenAI's Batch API has: platform.openai.com/docs/guides/batch.
OPENAI = frozenset({"custom_id", "method", "url", "body"})


class InvalidLines(Exception):
    """The text is no input; the message lists what is wrong, where, and what a line looks like."""


class _Wrong(Exception):
    """One line is wrong; the message follows its number in a sentence."""


class _Twice(ValueError):
    """An object has a member twice."""


def parse(text: str) -> list[dict[str, Any]]:
    """Read requests, one a line; blank lines and a byte order mark are skipped.

    Returns:
        Items `{"key": …, "request": {…}}`, with `metadata` where the line has it.

    Raises:
        InvalidLines: at least one line is wrong, or there is none.
    """
    lines = text.removeprefix("\ufeff").split("\n")
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise InvalidLines(f"it has no requests, as every line is blank: {LINE}")
    if (other := _other_form(numbered)) is not None:
        raise InvalidLines(other)
    items: list[tuple[int, dict[str, Any]]] = []
    problems: list[str] = []
    for number, line in numbered:
        try:
            items.append((number, _request(line)))
        except _Wrong as wrong:
            problems.append(f"line {number} {wrong}")
    problems += _duplicates(items)
    if problems:
        raise InvalidLines(_listed(problems))
    return [item for _, item in items]


def _listed(problems: list[str]) -> str:
    more = len(problems) - LISTED
    return "; ".join(problems[:LISTED]) + (f"; and {more} more" if more > 0 else "")


def _other_form(numbered: list[tuple[int, str]]) -> str | None:
    """What the text is if it is JSON, but not a line for each request."""
    (number, first), *more = numbered
    column = len(first) - len(first.lstrip()) + 1
    if first.lstrip().startswith("["):
        return f"line {number}, column {column} begins a JSON array: {LINE}, without brackets or commas"
    if more and _value_length("\n".join(line for _, line in numbered).lstrip()) > len(
        first.strip()
    ):
        return f"line {number}, column {column} begins one JSON object over several lines: {LINE}"
    return None


def _value_length(text: str) -> int:
    """Characters of the JSON value at the start of `text`; 0 if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0


def _request(line: str) -> dict[str, Any]:
    item = _object(line)
    _check_members(item)
    key, request, metadata = item.get("key"), item.get("request"), item.get("metadata")
    _check_key(key)
    if not isinstance(request, dict) or not request:
        raise _Wrong('has no "request" object')
    if metadata is not None:
        _check_metadata(metadata, key)
    # One level more is the line's own. Measured in its text, as it would have to be written for it.
    if not nesting.within(line.encode(errors="surrogatepass"), REQUEST_LEVELS + 1):
        raise _too_deep()
    _check_sendable(item)
    return {
        name: item[name] for name in ("key", "request", "metadata") if item.get(name) is not None
    }


def _object(line: str) -> dict[str, Any]:
    try:
        item = _DECODER.decode(line)
    except RecursionError:
        raise _too_deep() from None
    except _Twice as twice:
        raise _Wrong(f"has the member {twice} twice in one object") from None
    except json.JSONDecodeError as error:
        raise _Wrong(f"is not JSON at column {error.colno}") from None
    except ValueError:
        raise _Wrong(
            "is not JSON, as it has NaN, Infinity or a number of thousands of digits"
        ) from None
    if not isinstance(item, dict):
        raise _Wrong("is not a JSON object")
    return item


def _check_members(item: Mapping[str, Any]) -> None:
    if "custom_id" in item and set(item) <= OPENAI:
        raise _Wrong(
            "is in the form of OpenAI's Batch API: put custom_id into key and the Gemini request "
            "into request"
        )
    unknown = [_name(name) for name in item if name not in MEMBERS]
    if unknown:
        raise _Wrong(
            f"has {', '.join(unknown[:5])} beside key, request and metadata: members of the request "
            "belong into request"
        )


def _check_key(key: object) -> None:
    if isinstance(key, int | float) and not isinstance(key, bool):
        raise _Wrong('has a number as "key": put it into quotes')
    if not isinstance(key, str) or not 0 < len(key) <= KEY_LIMIT:
        raise _Wrong(f'has no "key" of 1 to {KEY_LIMIT} characters')


def _check_metadata(metadata: object, key: object) -> None:
    if not isinstance(metadata, dict):
        raise _Wrong('has "metadata" that is not a JSON object')
    if metadata.get("key", key) != key:
        raise _Wrong('has another "key" in metadata than beside it: leave metadata.key out')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What Python reads of a member that is there twice depends on the order; Google decides too."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Twice(_name(twice))
    return found


def _name(name: str) -> str:
    return sanitize.text(name, 40) or '""'


def _too_deep() -> _Wrong:
    return _Wrong(f"is nested deeper than {REQUEST_LEVELS} levels of objects and lists")


def _refuse(constant: str) -> NoReturn:
    """NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(constant)


# Made once: with arguments, `json.loads` and `json.dumps` make a new one for each line.
_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_once)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _check_sendable(item: Mapping[str, Any]) -> None:
    """Make sure that what was read can be written again: Python reads more than that."""
    try:
        _ENCODER.encode(item).encode()
    except UnicodeEncodeError:
        raise _Wrong(r"has half of a surrogate pair, an escape such as \ud83d alone") from None
    except (ValueError, RecursionError):
        raise _Wrong("has a number that is too large, such as 1e999") from None


def _duplicates(items: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for number, item in items:
        first = seen.setdefault(item["key"], number)
        if first != number:
            yield f"lines {first} and {number} have the same key"
