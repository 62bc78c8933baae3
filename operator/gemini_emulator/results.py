"""Turns the requests of a batch into results, line by line: 2 GB of input needs little memory."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

from gemini_emulator.create_request import Kind
from gemini_emulator.generation import embedding_vector, generate_text, prompt_text
from gemini_emulator.proto_json import member

FAIL = "[[fail]]"
"""A request whose text contains this fails; the batch continues."""

_DIMENSIONS = 8
_INVALID_ARGUMENT, _INTERNAL = 3, 13


class InvalidInputLine(ValueError):
    """A line of the input file is not a request; the message has its number."""


@dataclass
class ResultCounts:
    """How many requests succeeded and how many failed."""

    succeeded: int = 0
    failed: int = 0


def write_results(
    lines: Iterable[bytes], output: IO[bytes], *, kind: Kind, model: str
) -> ResultCounts:
    """Write one result line per input line, in order.

    An input line is `{"key" | "metadata", "request"}`; its result has the same key or metadata, and
    `response` or `error`.

    Raises:
        InvalidInputLine: a line is not a request.
    """
    counts = ResultCounts()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        item = _item(line, number)
        outcome = result_of(item["request"], kind=kind, model=model)
        counts.failed += "error" in outcome
        counts.succeeded += "error" not in outcome
        label = {name: item[name] for name in ("key", "metadata") if name in item}
        output.write(json.dumps(outcome | label, ensure_ascii=False).encode() + b"\n")
    return counts


def _item(line: bytes, number: int) -> dict[str, Any]:
    try:
        item = json.loads(line)
    except ValueError as error:
        raise InvalidInputLine(
            f"Failed to parse line {number} of the input file as JSON."
        ) from error
    if not isinstance(item, dict) or not isinstance(item.get("request"), dict):
        raise InvalidInputLine(f"Line {number} of the input file has no request.")
    return item


def result_of(request: dict[str, Any], *, kind: Kind, model: str) -> dict[str, Any]:
    """Return `{"response": …}` or `{"error": {"code", "message"}}` for one request."""
    words = prompt_text(request)
    if not words.strip():
        return _error(_INVALID_ARGUMENT, f"* {kind}Request.contents: contents is not specified")
    if FAIL in words:
        return _error(_INTERNAL, "An internal error has occurred. Please retry.")
    if kind == "EmbedContent":
        return {"response": _embedding(request, words)}
    return {"response": _generated(request, words, model)}


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _embedding(request: dict[str, Any], words: str) -> dict[str, Any]:
    wanted = member(request, "outputDimensionality")
    size = wanted if isinstance(wanted, int) and 0 < wanted <= 4096 else _DIMENSIONS
    return {
        "embedding": {"values": embedding_vector(words, size)},
        "tokenCount": str(_tokens(words)),
    }


def _generated(request: dict[str, Any], words: str, model: str) -> dict[str, Any]:
    said = generate_text(words)
    config = member(request, "generationConfig")
    if isinstance(config, dict) and member(config, "responseMimeType") == "application/json":
        said = json.dumps({"answer": said}, ensure_ascii=False)
    asked, answered = _tokens(words), _tokens(said)
    return {
        "candidates": [
            {
                "content": {"parts": [{"text": said}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": asked,
            "candidatesTokenCount": answered,
            "totalTokenCount": asked + answered,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
        },
        "modelVersion": model.rpartition("/")[2],
        "responseId": hashlib.sha256(f"{model}\n{words}".encode()).hexdigest()[:22],
    }


def _tokens(words: str) -> int:
    return max(1, len(words) // 4)
