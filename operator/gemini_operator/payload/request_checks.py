"""Checks of one request line, and what users read about a line that is wrong.

Requests in a ConfigMap (`request_lines`) and requests that are streamed (`request_stream`) go through
these checks, so the same line gives the same message in both. Messages name line numbers, member
names and what is wrong. They never quote values, which may be anybody's data (S9).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

from gemini_operator.api.v1alpha1.input import REQUEST_LEVELS
from gemini_operator.base import nesting, sanitize

RequestType = Literal["GenerateContent", "EmbedContent"]

KEY_LIMIT = 256

# Lines that are wrong in the same way in a file of a million are one mistake.
LISTED = 10

LINE = 'write {"key": "…", "request": {…}}, one a line'
EMPTY = f"it is empty: {LINE}"
NO_REQUESTS = f"it has no requests, as every line is blank: {LINE}"

NO_OBJECT = "is not a JSON object"
HALF_SURROGATE = r"has half of a surrogate pair, an escape such as \ud83d alone"
CUT_OFF = "ends before its JSON does: is it cut off, or broken into several lines?"
LARGE_NUMBER = "has a number that is too large, such as 1e999"

MEMBERS = frozenset({"key", "request", "metadata"})

# What a line of OpenAI's Batch API has: platform.openai.com/docs/guides/batch.
OPENAI = frozenset({"custom_id", "method", "url", "body"})

NEEDED: Mapping[RequestType, str] = {"GenerateContent": "contents", "EmbedContent": "content"}
"""The member that every request of a type has."""

# Members that only requests of one type have: ai.google.dev/api/generate-content and
# ai.google.dev/api/embeddings. Google reads both spellings.
ONLY_IN: Mapping[RequestType, frozenset[str]] = {
    "GenerateContent": frozenset(
        {
            "contents",
            "generationConfig",
            "generation_config",
            "safetySettings",
            "safety_settings",
            "systemInstruction",
            "system_instruction",
            "tools",
        }
    ),
    "EmbedContent": frozenset(
        {"content", "taskType", "task_type", "outputDimensionality", "output_dimensionality"}
    ),
}


class InvalidLines(Exception):
    """The text is no input; the message lists what is wrong, where, and what a line looks like."""


class Wrong(Exception):
    """One line is wrong; the message follows its number in a sentence."""


class _Twice(ValueError):
    """An object has a member twice."""


def request_of(line: str, expected: RequestType | None = None) -> dict[str, Any]:
    """Return the object of a line that passes every check.

    Args:
        line: without its line end.
        expected: the type that the request must have; `None` for any.

    Raises:
        Wrong: it fails a check.
    """
    item = _object(line)
    check_item(item, expected)
    check_depth(line.encode(errors="surrogatepass"))
    _check_sendable(item)
    return item


def check_item(item: Mapping[str, Any], expected: RequestType | None = None) -> None:
    """Check the members of a line.

    Args:
        item: the line's object.
        expected: the type that the request must have; `None` for any.

    Raises:
        Wrong: it is no request.
    """
    if not item.keys() <= MEMBERS:
        _refuse_members(item)
    key, request, metadata = item.get("key"), item.get("request"), item.get("metadata")
    if type(key) is not str or not 0 < len(key) <= KEY_LIMIT:
        _refuse_key(key)
    if not isinstance(request, dict) or not request:
        raise Wrong('has no "request" object')
    if metadata is not None:
        _check_metadata(metadata, key)
    if expected is not None:
        check_type(request, expected)


def check_type(request: Mapping[str, Any], expected: RequestType) -> None:
    """Check that a request is of the job's type.

    Raises:
        Wrong: it is of the other type, or of none.
    """
    if NEEDED[expected] not in request:
        raise _other_type(request, expected)


def check_depth(line: bytes) -> None:
    """Check how deep a line is nested. One level more than the request's is the line's own.

    Raises:
        Wrong: it is too deep.
    """
    # In its text, as parsed JSON would have to be written again.
    if not nesting.within(line, REQUEST_LEVELS + 1):
        raise too_deep()


def too_deep() -> Wrong:
    return Wrong(f"is nested deeper than {REQUEST_LEVELS} levels of objects and lists")


def listed(wrong: Sequence[tuple[int, Wrong]], twice: Sequence[tuple[int, int]] = ()) -> str:
    """Return the first ten problems in words, each mistake once, with all its lines.

    Args:
        wrong: the numbers of lines, in order, and what is wrong in each.
        twice: pairs of lines with the same key, of which the first one is the first with that key.
    """
    lines_of: dict[str, list[int]] = {}
    for number, mistake in wrong[:LISTED]:
        lines_of.setdefault(str(mistake), []).append(number)
    same: dict[int, list[int]] = {}
    for first, later in twice[: max(0, LISTED - len(wrong))]:
        same.setdefault(first, [first]).append(later)
    said = [
        f"line {first} {mistake}" + (f" (also {_lines(more)})" if more else "")
        for mistake, (first, *more) in lines_of.items()
    ]
    return "; ".join(
        [*said, *(f"{_lines(numbers)} have the same key" for numbers in same.values())]
    )


def _lines(numbers: Sequence[int]) -> str:
    """Return lines in words: `lines 2 to 5 and 9`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [
        part
        for first, *more in runs
        for part in ([f"{first} to {more[-1]}"] if len(more) > 1 else map(str, (first, *more)))
    ]
    *most, last = parts
    return f"line{'s' * (len(numbers) > 1)} " + (f"{', '.join(most)} and {last}" if most else last)


def begins_array(number: int, line: str) -> str | None:
    """Return what to say of a first line that begins a JSON array; `None` if it does not."""
    if not line.lstrip().startswith("["):
        return None
    return (
        f"line {number}, column {_column(line)} begins a JSON array: {LINE}, "
        "without brackets or commas"
    )


def begins_long_object(number: int, line: str, following: str) -> str | None:
    """Return what to say of an object that begins in the first line and ends in a later one.

    Args:
        number: of the first line that is not blank.
        line: that line.
        following: the lines after it, or the first of them; empty if there are none.
    """
    if not following or _value_length(f"{line}\n{following}".lstrip()) <= len(line.strip()):
        return None
    return (
        f"line {number}, column {_column(line)} begins one JSON object over several lines: {LINE}"
    )


def _column(line: str) -> int:
    return len(line) - len(line.lstrip()) + 1


def _value_length(text: str) -> int:
    """Characters of the JSON value at the start of `text`; 0 if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text)[1]
    except (ValueError, RecursionError):
        return 0


def _object(line: str) -> dict[str, Any]:
    try:
        item = _DECODER.decode(line)
    except RecursionError:
        raise too_deep() from None
    except _Twice as twice:
        raise Wrong(f"has the member {twice} twice in one object") from None
    except json.JSONDecodeError as error:
        if error.msg.startswith("Unterminated string") or error.pos >= len(line.rstrip()):
            raise Wrong(CUT_OFF) from None
        # A line that does not even begin as JSON is of another format.
        if error.pos == len(line) - len(line.lstrip()):
            raise Wrong(f"is not JSON: {LINE}") from None
        raise Wrong(f"is not JSON at column {error.colno}") from None
    except ValueError:
        raise Wrong(
            "is not JSON, as it has NaN, Infinity or a number of thousands of digits"
        ) from None
    if not isinstance(item, dict):
        raise Wrong(NO_OBJECT)
    return item


def _refuse_members(item: Mapping[str, Any]) -> NoReturn:
    if "custom_id" in item and set(item) <= OPENAI:
        raise Wrong(
            "is in the form of OpenAI's Batch API: put custom_id into key and the Gemini request "
            "into request"
        )
    unknown = [_name(name) for name in item if name not in MEMBERS]
    raise Wrong(
        f"has {', '.join(unknown[:5])} beside key, request and metadata: members of the request "
        "belong into request"
    )


def _refuse_key(key: object) -> NoReturn:
    if isinstance(key, int | float) and not isinstance(key, bool):
        raise Wrong('has a number as "key": put it into quotes')
    raise Wrong(f'has no "key" of 1 to {KEY_LIMIT} characters')


def _check_metadata(metadata: object, key: object) -> None:
    if not isinstance(metadata, dict):
        raise Wrong('has "metadata" that is not a JSON object')
    if metadata.get("key", key) != key:
        raise Wrong('has another "key" in metadata than beside it: leave metadata.key out')


def _other_type(request: Mapping[str, Any], expected: RequestType) -> Wrong:
    other: RequestType = "EmbedContent" if expected == "GenerateContent" else "GenerateContent"
    found = next((name for name in request if name in ONLY_IN[other]), None)
    needed = NEEDED[expected]
    if found is None:
        return Wrong(f'has a request without "{needed}", which {expected} needs')
    return Wrong(
        f'has a request of the type {other}, as it has "{found}" and no "{needed}": '
        f"set spec.type to {other}, or write requests of the type {expected}"
    )


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
        raise Wrong(HALF_SURROGATE) from None
    except (ValueError, RecursionError):
        raise Wrong(LARGE_NUMBER) from None
