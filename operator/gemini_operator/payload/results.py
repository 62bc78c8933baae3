"""Results as JSONL: `{"key": …, "response" | "error": …}` a line, in the order of the input."""

import hashlib
import json
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class ResultsTooLarge(Exception):
    """The results exceed the limit of their output; the message names the limit."""


class ResultsMissing(Exception):
    """Google shows the batch as succeeded, but its answer has no results."""


class MalformedResults(Exception):
    """Google's results file is not JSONL; the message names the line."""


@dataclass(frozen=True)
class Results:
    """Rendered results.

    Args:
        jsonl: one result a line.
        records: the number of lines.
    """

    jsonl: str
    records: int

    @property
    def bytes(self) -> int:
        return len(self.jsonl.encode())

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.jsonl.encode()).hexdigest()


def from_inline(items: Iterable[Mapping[str, Any]], limit: int) -> Results:
    """Render the inline results of a batch.

    Args:
        items: `{"metadata": {"key": …}, "response" | "error": …}` each, in the input's order.
        limit: bytes of the rendered results.

    Raises:
        ResultsTooLarge: they exceed the limit.
    """
    return _render(({"key": _key(item), **_answer(item)} for item in items), limit)


async def from_file(chunks: AsyncIterable[bytes], limit: int) -> Results:
    """Render the results in a JSONL file of the File API.

    Args:
        chunks: the content of the file.
        limit: bytes of the rendered results.

    Raises:
        ResultsTooLarge: they exceed the limit.
        MalformedResults: a line is not a JSON object.
    """
    raw = bytearray()
    async for chunk in chunks:
        raw += chunk
    numbered = enumerate(bytes(raw).split(b"\n"), start=1)
    lines = (_line(number, line) for number, line in numbered if line.strip())
    return _render(({"key": line.get("key"), **_answer(line)} for line in lines), limit)


def _line(number: int, raw: bytes) -> dict[str, Any]:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        line = None
    if not isinstance(line, dict):
        raise MalformedResults(f"line {number} of Google's result file is not a JSON object")
    return line


def _key(item: Mapping[str, Any]) -> object:
    metadata = item.get("metadata")
    return metadata.get("key") if isinstance(metadata, Mapping) else None


def _answer(item: Mapping[str, Any]) -> dict[str, Any]:
    # Exactly one of the two, so that a reader need only look for `error`.
    if item.get("error") is not None:
        return {"error": item["error"]}
    return {"response": item.get("response")}


def _render(rows: Iterable[Mapping[str, Any]], limit: int) -> Results:
    lines, size = [], 0
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
        # Stop at the limit, before all results are rendered in memory.
        size += len(line.encode("utf-8", "surrogatepass"))
        if size > limit:
            raise ResultsTooLarge(f"the results have more than {limit // 1024} KiB")
        # Half of a surrogate pair cannot be UTF-8. One odd answer must not fail all others.
        lines.append(line.encode("utf-8", "replace").decode())
    return Results("".join(lines), len(lines))
