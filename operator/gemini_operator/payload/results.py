"""Results as Google sends them: what one is, and whether its request succeeded.

`kind_of` alone decides that, for what is counted and for what is delivered.
"""

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.gemini.remote import MOST_RESULTS
from gemini_operator.payload import json_lines
from gemini_operator.payload.json_lines import NotJson

# Reasons for which a candidate has no content: ai.google.dev/api/generate-content (FinishReason).
BLOCKING = frozenset(
    {
        "BLOCKLIST",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_SAFETY",
        "LANGUAGE",
        "PROHIBITED_CONTENT",
        "RECITATION",
        "SAFETY",
        "SPII",
    }
)


DOMAIN = "gemini-operator.io"
"""Of the errors that the operator writes into lines itself (`matching.WHY`)."""

MOST = MOST_RESULTS
"""Results that are kept in memory. A ConfigMap has no room for as many, nor for their requests."""


class ResultsTooLarge(Exception):
    """The results exceed the limit of their output; the message gives both sizes."""


class ResultKind(Enum):
    """What became of one request."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Google sent an error."""
    BLOCKED = "blocked"
    """Google refused the prompt or its answer, and sent no content."""
    EMPTY = "empty"
    """Google sent a result with nothing in it."""
    UNREADABLE = "unreadable"
    """What Google sent is not JSON."""
    MISSING = "missing"
    """Google sent no result."""


OWN_REASONS = {
    kind: f"RESULT_{kind.name}"
    for kind in (ResultKind.EMPTY, ResultKind.MISSING, ResultKind.UNREADABLE)
}
"""Of the errors that the operator writes into lines itself."""

_KINDS_OF_OWN = {reason: kind for kind, reason in OWN_REASONS.items()}


@dataclass(frozen=True)
class BatchResult:
    """One result.

    Attributes:
        key: of its request, as Google sent it: of any JSON type, `None` where there is none.
        metadata: of its request, as Google sent it; `None` where there is none.
        content: every other member, as Google sent it.
        problem: why it is not JSON; `None` if it is.
    """

    key: Any = None
    metadata: Any = None
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether this is anybody's result. What is not JSON and has no key may be a page of HTML."""
        return self.problem is None or self.key is not None

    @property
    def request_key(self) -> str | None:
        """The key as a job has it: one that is a number in Google's answer is text there."""
        return None if self.key is None else str(self.key)


def of_item(item: Mapping[str, Any]) -> BatchResult:
    """The result in an inline item or in a line of a file."""
    result = of_writable(item)
    try:
        json_lines.encode(item)
    except NotJson as error:
        key, metadata = (
            value if _is_json(value) else None for value in (result.key, result.metadata)
        )
        return BatchResult(key, metadata, {}, str(error))
    return result


def of_writable(item: Mapping[str, Any]) -> BatchResult:
    """The result in an item that is known to be writable as JSON again."""
    metadata, key = item.get("metadata"), item.get("key")
    if key is None and isinstance(metadata, Mapping):
        key = metadata.get("key")
    content = {name: item[name] for name in item if name not in ("key", "metadata")}
    return BatchResult(key, metadata, content)


def of_items(items: Iterable[Mapping[str, Any]]) -> list[BatchResult]:
    """The results of a batch that carries them itself."""
    return [of_item(item) for item in items]


async def of_file(chunks: AsyncIterable[bytes]) -> list[BatchResult]:
    """The results in a file of the File API: one a line, blank lines aside.

    Raises:
        ResultsTooLarge: there are more than `MOST` lines.
    """
    raw, lines = bytearray(), 0
    async for chunk in chunks:
        raw += chunk
        lines += chunk.count(b"\n")
        if lines > MOST:
            raise ResultsTooLarge(f"the results have more than {MOST} lines")
    # In a thread: a megabyte of short lines takes half a second (S10).
    return await in_work_thread(of_text, bytes(raw))


def of_text(text: bytes) -> list[BatchResult]:
    """The results in a text: one a line, blank lines aside."""
    return [of_line(line) for line in text.split(b"\n") if line.strip()]


def of_line(line: bytes) -> BatchResult:
    """The result in a line, whatever it is."""
    try:
        return of_item(json_lines.decode(line))
    except NotJson as error:
        return BatchResult(problem=str(error))


def kind_of(result: BatchResult) -> ResultKind:
    """What the result says of its request."""
    if result.problem is not None:
        return ResultKind.UNREADABLE
    content = result.content
    if (own := _own_word(content.get("error"))) is not None:
        return own
    if content.get("error") is not None or _is_error(content.get("status")):
        return ResultKind.FAILED
    if all(value is None for value in content.values()):
        return ResultKind.EMPTY
    return ResultKind.BLOCKED if _is_blocked(content.get("response")) else ResultKind.SUCCEEDED


def _own_word(error: object) -> ResultKind | None:
    """What the operator itself says of a result in its line, which is counted like any other."""
    match error:
        case {"details": [{"domain": domain, "reason": str(reason)}]} if domain == DOMAIN:
            return _KINDS_OF_OWN.get(reason)
    return None


def _is_error(status: object) -> bool:
    """A `google.rpc.Status` with a code other than OK."""
    return isinstance(status, Mapping) and status.get("code") not in (None, 0, "0", "OK")


def _is_blocked(response: object) -> bool:
    if not isinstance(response, Mapping):
        return False
    candidates = response.get("candidates")
    if not candidates:
        feedback = response.get("promptFeedback")
        return isinstance(feedback, Mapping) and feedback.get("blockReason") is not None
    return isinstance(candidates, list) and all(map(_is_blocked_candidate, candidates))


def _is_blocked_candidate(candidate: object) -> bool:
    if not isinstance(candidate, Mapping):
        return False
    reason = candidate.get("finishReason")
    if not isinstance(reason, str) or reason not in BLOCKING:
        return False
    content = candidate.get("content")
    return not (isinstance(content, Mapping) and content.get("parts"))


def _is_json(value: object) -> bool:
    try:
        json_lines.encode({"": value})
    except NotJson:
        return False
    return True
