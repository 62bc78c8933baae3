"""JSON Lines for every reader: one object a line, whatever separates lines for that reader."""

import json
import marshal
import math
import re
from collections.abc import Mapping
from typing import Any

from gemini_operator.base import nesting

VALUE_LIMIT = 250_000
"""Values in a line. Each may take a hundred bytes of memory once it is parsed, and a call of the parser
cannot be interrupted."""

_INFINITE = re.compile(rb"g\x00{6}\xf0[\x7f\xff]")

# JSON allows these in a string, and readers that split as Unicode does (Python's `splitlines`,
# JavaScript before 2019) take them for the end of a line.
_SEPARATORS = {mark: f"\\u{ord(mark):04x}" for mark in "\u0085\u2028\u2029"}


class NotJson(ValueError):
    """The text is not JSON, or the object cannot be written as JSON; the message says why."""


def encode(row: Mapping[str, Any]) -> str:
    """One line, with its line end. No character is lost: what cannot be written is escaped.

    Raises:
        NotJson: a number is NaN or infinite, or the object is too deep.
    """
    try:
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise NotJson("it has a number that JSON does not know (NaN or Infinity)") from None
    except RecursionError:
        raise NotJson("it is nested too deep") from None
    if text.isascii():
        return text + "\n"
    # All in C: there may be a million of them.
    for mark, escape in _SEPARATORS.items():
        text = text.replace(mark, escape)
    # Half a surrogate pair is no UTF-8; its escape in Python is that in JSON.
    return text.encode(errors="backslashreplace").decode() + "\n"


def decode(line: bytes) -> dict[str, Any]:
    """The object of one line. NaN and Infinity are read, as Google may send them.

    Raises:
        NotJson: the line is not a JSON object in UTF-8.
    """
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise NotJson("it is not JSON") from None
    if not isinstance(row, dict):
        raise NotJson("it is not a JSON object")
    return row


def has_many_values(line: bytes) -> bool:
    """Return whether JSON has `VALUE_LIMIT` values or more. It is to be asked before it is parsed."""
    # Nearly every line is shorter than that.
    if len(line) < VALUE_LIMIT:
        return False
    # Each value follows a comma, or is the first one in a list or an object.
    return nesting.has_many(line, b",[{", VALUE_LIMIT)


def has_infinite(value: dict[str, Any] | list[Any]) -> bool:
    """Return whether parsed JSON has a number that became infinite, as 1e999 does."""
    # A walk through the values of every line would take as long as all other checks together. In
    # what `marshal` writes, an infinite number is these bytes; text may have them too, by chance.
    if _INFINITE.search(marshal.dumps(value)) is None:
        return False
    found: list[Any] = [value]
    for parent in found:
        for inner in parent.values() if type(parent) is dict else parent:
            kind = type(inner)
            if kind is dict or kind is list:
                found.append(inner)
            elif kind is float and math.isinf(inner):
                return True
    return False
