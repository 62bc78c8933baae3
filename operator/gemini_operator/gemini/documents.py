"""JSON from outside: UTF-8, bounded in depth, one object."""

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 64

_SCALARS = re.compile(rb'[^"\[\]{}]+|"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")


class Undecodable(ValueError):
    """The bytes are not a JSON object within the bounds."""


def parse(body: bytes) -> dict[str, Any]:
    """
    Read one JSON object of at most `MAX_DEPTH` levels (rule S22).

    Raises:
        Undecodable: no JSON, not UTF-8, too deep, or not an object; the message quotes nothing.
    """
    if not _within_depth(body):
        raise Undecodable(f"not JSON of at most {MAX_DEPTH} levels")
    try:
        # Text, not bytes: for bytes `json` would also guess UTF-16, which the scan can't see.
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Undecodable("not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Undecodable("not a JSON object")
    return document


def _within_depth(body: bytes) -> bool:
    """Count levels before parsing: what is left without strings and leaves loses one a round."""
    brackets = _SCALARS.sub(b"", body).translate(_ONE_KIND)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"")
    return not brackets


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
