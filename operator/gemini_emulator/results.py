"""Turns the requests of a batch into results, line by line: 2 GB of input needs little memory."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from gemini_emulator.generation import (
    choose_option,
    embedding_vector,
    generate_text,
    prompt_text,
)
from gemini_emulator.proto_json import member
from gemini_emulator.request_check import Kind, violations
from gemini_emulator.result_forms import Row, encoded, formed_rows, key_of
from gemini_emulator.result_options import AS_THEY_ARE, Form, ResultOptions
from gemini_emulator.schema_value import schema_value

FAIL = "[[fail]]"
"""A request whose text contains this fails; the batch continues."""

FAILED_FORMS: set[Form | None] = {"error", "status"}
"""Google counts results of these forms as failed."""

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
    lines: Iterable[bytes],
    output: IO[bytes],
    *,
    kind: Kind,
    model: str,
    options: ResultOptions = AS_THEY_ARE,
) -> ResultCounts:
    """Write one result line per input line, in order, unless the options say otherwise.

    An input line is `{"key" | "metadata", "request"}`; its result has the same key or metadata, and
    `response` or `error`.

    Raises:
        InvalidInputLine: a line is not a request.
    """
    counts = ResultCounts()
    for row in formed_rows(_results(lines, kind, model, options, counts), options):
        output.write(encoded(row))
    return counts


def _results(
    lines: Iterable[bytes], kind: Kind, model: str, options: ResultOptions, counts: ResultCounts
) -> Iterator[tuple[Row, Row]]:
    """Yield each result with its key or metadata, and count it."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        item = _item(line, number)
        outcome = result_of(item["request"], kind=kind, model=model)
        label: Row = {name: item[name] for name in ("key", "metadata") if name in item}
        position = counts.succeeded + counts.failed + 1
        failed = "error" in outcome or options.form(position, key_of(label)) in FAILED_FORMS
        counts.failed += failed
        counts.succeeded += not failed
        yield outcome, label


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
    if problem := _problem(request, kind):
        return _error(_INVALID_ARGUMENT, problem)
    words = prompt_text(request)
    if FAIL in words:
        return _error(_INTERNAL, "An internal error has occurred. Please retry.")
    if kind == "EmbedContent":
        return {"response": _embedding(request, words)}
    try:
        said = _answer(request, words)
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        return _error(_INVALID_ARGUMENT, f"* {kind}Request.generation_config: invalid schema\n")
    return {"response": _generated(said, words, model)}


def _problem(request: dict[str, Any], kind: Kind) -> str | None:
    """Return what is wrong with a request, in Google's words."""
    for violation in violations(request, kind):
        return violation.message()
    name = "contents" if kind == "GenerateContent" else "content"
    found = request.get(name)
    if not found:
        return f"* {kind}Request.{name}: contents is not specified\n"
    for index, content in enumerate(found if isinstance(found, list) else [found]):
        if not content.get("parts"):
            where = f"contents[{index}]" if kind == "GenerateContent" else name
            return f"* {kind}Request.{where}.parts: contents.parts must not be empty.\n"
    return None


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _embedding(request: dict[str, Any], words: str) -> dict[str, Any]:
    config = member(request, "embedContentConfig")
    wanted = member(request, "outputDimensionality")
    if not wanted and isinstance(config, dict):
        wanted = member(config, "outputDimensionality")
    size = int(wanted) if str(wanted).isdecimal() and 0 < int(wanted) <= 4096 else _DIMENSIONS
    return {
        "embedding": {"values": embedding_vector(words, size)},
        "tokenCount": str(_tokens(words)),
    }


def _answer(request: dict[str, Any], words: str) -> str:
    """Return the text of the answer: JSON that fits the schema, one of its words, or prose."""
    config = member(request, "generationConfig") or {}
    schema = member(config, "responseSchema") or member(config, "responseJsonSchema")
    match member(config, "responseMimeType"):
        case "application/json" if schema:
            return json.dumps(schema_value(schema, words), ensure_ascii=False)
        case "application/json":
            return json.dumps({"answer": generate_text(words)}, ensure_ascii=False)
        case "text/x.enum" if schema and schema.get("enum"):
            return choose_option(schema["enum"], words)
        case _:
            return generate_text(words)


def _generated(said: str, words: str, model: str) -> dict[str, Any]:
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
