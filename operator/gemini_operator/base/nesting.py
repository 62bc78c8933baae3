"""Measures and limits the depth and the values of JSON before it is parsed (decision 0019).

The API server stores objects of up to 10,000 levels. Python's parser fails with a RecursionError at
about 1,000, and code that copies or writes a parsed object fails earlier.
"""

import json
import re
from functools import cache


class Undecodable(ValueError):
    """The bytes are not one JSON object within the limit of depth."""


_BRACKETS = bytes.maketrans(b"{}", b"[]")
_STRING = re.compile(rb'"[^"]*"')
_QUOTED = rb'"(?:[^"\\]++|\\.)*+"'
_TOKEN = re.compile(_QUOTED + rb"?|[\[\]{}]", re.DOTALL)


def _closed(levels: int) -> re.Pattern[bytes]:
    """Return a pattern for one whole object or list of at most `levels` levels."""
    # Possessive quantifiers never backtrack, so a match takes linear time.
    pattern = rb"[\[{](?:[^\[\]{}\"]++|%b)*+[\]}]" % _QUOTED
    for _ in range(levels - 1):
        pattern = rb"[\[{](?:[^\[\]{}\"]++|%b|%b)*+[\]}]" % (_QUOTED, pattern)
    return re.compile(pattern, re.DOTALL)


# Skips nearly everything that is ever cut, about ten times as fast as token by token.
_CLOSED = _closed(64)


def within(body: bytes, levels: int) -> bool:
    """Return whether JSON text has at most `levels` levels of objects and lists; scalars have none.

    It takes about half the time of parsing, as all loops are in C.
    """
    # So few brackets cannot be nested deeper, which settles most documents at once.
    if body.count(b"{") + body.count(b"[") <= levels:
        return True
    brackets = _outside_strings(body, b"[]{}").translate(_BRACKETS)
    for _ in range(levels):
        if not brackets:
            return True
        # Without its innermost pairs the text has one level less.
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def has_many(body: bytes, marks: bytes, limit: int) -> bool:
    """Return whether JSON text has `limit` or more of some marks, such as commas, outside of strings."""
    if sum(map(body.count, marks)) < limit:
        return False
    return sum(map(_outside_strings(body, marks).count, marks)) >= limit


def _outside_strings(body: bytes, marks: bytes) -> bytes:
    """Return the marks of JSON text that are not within strings, in their order.

    The quote of a string that does not end is left, too.
    """
    # Escaped quotes would end a string too early.
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    return _STRING.sub(b"", plain.translate(None, _all_but(marks)))


@cache
def _all_but(marks: bytes) -> bytes:
    return bytes(set(range(256)) - set(marks) - set(b'"'))


def cut(body: bytes, levels: int) -> bytes:
    """Return JSON text without what is nested deeper than `levels` levels.

    Each object or list that is left out is replaced by a list with one number: how many bytes of
    UTF-8 it had at least. So any list at that depth is a replacement, and no text can forge one.
    """
    if within(body, levels):
        return body
    kept, depth, start, opened = bytearray(), 0, 0, 0
    token = _TOKEN.search(body)
    while token is not None:
        at = token.end()
        match token[0]:
            case b"{" | b"[":
                depth += 1
                if depth == levels + 1:
                    kept += body[start : token.start()]
                    opened = token.start()
                    if skipped := _CLOSED.match(body, opened):
                        depth, start, at = levels, skipped.end(), skipped.end()
                        kept += _size(skipped[0])
            case b"}" | b"]":
                if depth == levels + 1:
                    start = at
                    kept += _size(body[opened:at])
                depth -= 1
        token = _TOKEN.search(body, at)
    return bytes(kept if depth > levels else kept + body[start:])


def _size(left_out: bytes) -> bytes:
    """Return the replacement, with the least size in UTF-8.

    An escape of six bytes may be a single byte of UTF-8: the API server escapes `<`.
    """
    return b"[%d]" % max(0, len(left_out) - 5 * left_out.count(b"\\u"))


def exceeds(value: object, levels: int) -> bool:
    """Return whether parsed JSON has more than `levels` levels of objects and lists."""
    # As text: that is eight times as fast as a walk through a million Python objects.
    if not isinstance(value, dict | list):
        return False
    try:
        return not within(json.dumps(value).encode(), levels)
    except RecursionError:
        return True
