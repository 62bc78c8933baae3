"""JSON from outside: UTF-8, bounded in depth, one object."""

import json
from typing import Any, NoReturn

from gemini_operator.base import nesting
from gemini_operator.base.nesting import Undecodable

MAX_DEPTH = 64


def parse(body: bytes) -> dict[str, Any]:
    """Read one JSON object of at most `MAX_DEPTH` levels (rule S22).

    Raises:
        Undecodable: no JSON, not UTF-8, too deep, or not an object; the message quotes nothing.
    """
    if not nesting.within(body, MAX_DEPTH):
        raise Undecodable(f"not JSON of at most {MAX_DEPTH} levels")
    try:
        # Text, not bytes: for bytes `json` would also guess UTF-16, which the scan can't see.
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise Undecodable("not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Undecodable("not a JSON object")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
