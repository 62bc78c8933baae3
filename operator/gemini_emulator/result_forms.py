"""Gives results the forms, the keys and the order that a user asked for."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from gemini_emulator.result_options import Form, ResultOptions

Row = dict[str, Any]

_SEPARATORS = "one\u2028two\u2029three\u0085four"


def formed_rows(rows: Iterable[tuple[Row, Row]], options: ResultOptions) -> Iterator[Row]:
    """Yield the rows as the options say, from pairs of a result and its key or metadata.

    Another order than the input's needs all rows in memory.
    """
    formed = (row for number, pair in enumerate(rows, 1) for row in _formed(number, *pair, options))
    match options.order:
        case "input":
            return formed
        case "reversed":
            return reversed(list(formed))
        case "shuffled":
            return iter(_shuffled(list(formed)))


def key_of(label: Row) -> object:
    """Return the key of a request, which is in its metadata unless it came from a file."""
    metadata = label.get("metadata")
    return label.get("key", metadata.get("key") if isinstance(metadata, dict) else None)


def encoded(row: Row) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _formed(number: int, outcome: Row, label: Row, options: ResultOptions) -> Iterator[Row]:
    form = options.form(number, key_of(label))
    if form == "missing":
        return
    if form == "foreign":
        label = _with_key(label, f"foreign-{number}")
    row = _with_form(outcome, form) | (label if options.keys else _with_key(label, None))
    yield row
    if form == "duplicate":
        yield row


def _with_form(outcome: Row, form: Form | None) -> Row:
    response = outcome.get("response") or {}
    match form:
        case "error":
            return {"error": {"code": 13, "message": "An internal error has occurred."}}
        case "status":
            return {"status": {"code": 3, "message": "Request contains an invalid argument."}}
        case "blocked":
            usage = {k: v for k, v in response.items() if k in ("usageMetadata", "modelVersion")}
            return {"response": {"promptFeedback": {"blockReason": "SAFETY"}, **usage}}
        case "empty":
            return {"response": None}
        case "embedding":
            return {"embedding": {"values": [0.5, -0.25, 0.125]}}
        case "nan":
            return {"response": {**response, "avgLogprobs": float("nan")}}
        case "separators":
            parts = {"parts": [{"text": _SEPARATORS}], "role": "model"}
            return {"response": {**response, "candidates": [{"content": parts}]}}
        case _:
            return outcome


def _with_key(label: Row, key: str | None) -> Row:
    """Return the label with another key, or without one; a file's key is at the top level."""
    given = label.get("metadata")
    metadata = {k: v for k, v in given.items() if k != "key"} if isinstance(given, dict) else {}
    if key is not None and "key" in label:
        return label | {"key": key}
    if key is not None:
        metadata["key"] = key
    return {"metadata": metadata} if metadata else {}


def _shuffled(rows: list[Row]) -> list[Row]:
    """Return the rows in an order that is the same each time, and never the given one."""
    order = sorted(range(len(rows)), key=lambda n: hashlib.sha256(str(n).encode()).digest())
    if order == sorted(order):
        order.reverse()
    return [rows[index] for index in order]
