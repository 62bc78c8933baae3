"""Parses JSON from outside: one object in UTF-8, of limited depth."""

import json
from typing import Any, NoReturn

from gemini_operator.base import nesting
from gemini_operator.base.nesting import Undecodable

# Levels of objects and lists. Python's parser fails at about a thousand (`base.nesting`).
MAX_DEPTH = 64

# Of an answer with results, which are a tenant's data. Half of what the parser can do.
RESULTS_DEPTH = 500


def parse(body: bytes, *, results: bool = False) -> dict[str, Any]:
    """Parse one JSON object of at most `MAX_DEPTH` levels (S22).

    `results`: it may have results, so up to `RESULTS_DEPTH` levels, and NaN and Infinity, which
    Google has sent in results and JSON does not have.

    Raises:
        Undecodable: it is not JSON in UTF-8, too deep, or no object; the message quotes nothing.
    """
    levels = RESULTS_DEPTH if results else MAX_DEPTH
    if not nesting.within(body, levels):
        raise Undecodable(f"not JSON of at most {levels} levels")
    try:
        # Decoded first: `json` would also accept bytes in UTF-16, which `within` cannot read.
        refuse = None if results else _refuse
        document = json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Undecodable("not JSON in UTF-8") from None
    if not isinstance(document, dict):
        raise Undecodable("not a JSON object")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
