"""Checks requests as Google's JSON parser does, and words what it finds as Google does.

The members are those of https://ai.google.dev/api/generate-content and of Google's Python SDK.
Contents, parts and the generation config are checked; what is inside tools, schemas and other
members is not.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from gemini_emulator.errors import ApiError, invalid_argument
from gemini_emulator.proto_json import snake

Kind = Literal["GenerateContent", "EmbedContent"]

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1beta."
_MAX_REPORTED = 20
_MAX_CHECKED_LINES = 10_000
_GENERATION_CONFIG = (
    "audioTimestamp audioTranscriptionConfig candidateCount enableAffectiveDialog "
    "enableEnhancedCivicAnswers frequencyPenalty imageConfig logprobs maxOutputTokens "
    "mediaResolution modelSelectionConfig presencePenalty responseFormat responseJsonSchema "
    "responseLogprobs responseMimeType responseModalities responseSchema routingConfig seed "
    "speechConfig stopSequences temperature thinkingConfig topK topP translationConfig"
)
_PART = (
    "audioMetadata audioTranscription codeExecutionResult documentMetadata executableCode fileData "
    "functionCall functionResponse inlineData mediaProcessing mediaResolution partMetadata "
    "speechMetadata spreadsheetMetadata thought thoughtSignature toolCall toolResponse "
    "videoMetadata"
)


class _Message(NamedTuple):
    """The members of a JSON object, by their names in camelCase."""

    name: str
    members: dict[str, "_Member"]


class _Member(NamedTuple):
    """What a member holds: a message, a scalar of a type, or unchecked content."""

    message: _Message | None = None
    repeated: bool = False
    scalar: str = ""


def _unchecked(names: str) -> dict[str, _Member]:
    return dict.fromkeys(names.split(), _Member())


_STRING, _INT32 = _Member(scalar="TYPE_STRING"), _Member(scalar="TYPE_INT32")
_PARTS = _Member(_Message("Part", _unchecked(_PART) | {"text": _STRING}), repeated=True)
_CONTENT = _Message("Content", {"parts": _PARTS, "role": _STRING})
_REQUESTS: dict[Kind, _Message] = {
    "GenerateContent": _Message(
        "GenerateContentRequest",
        _unchecked("model tools toolConfig safetySettings cachedContent labels serviceTier store")
        | {
            "contents": _Member(_CONTENT, repeated=True),
            "systemInstruction": _Member(_CONTENT),
            "generationConfig": _Member(
                _Message(
                    "GenerationConfig",
                    _unchecked(_GENERATION_CONFIG) | {"_responseJsonSchema": _Member()},
                )
            ),
        },
    ),
    "EmbedContent": _Message(
        "EmbedContentRequest",
        _unchecked("model taskType title autoTruncate embedContentConfig")
        | {"content": _Member(_CONTENT), "outputDimensionality": _INT32},
    ),
}


@dataclass(frozen=True)
class Violation:
    """An unknown or wrong member: `path` leads to it in snake_case, and `name` is as written."""

    path: str
    name: str
    problem: Literal["unknown", "list", "value"]
    value: Any = None
    expected: str = ""

    def message(self) -> str:
        """Return the problem in the words of Google's REST front end."""
        where = f" at '{self.path}'" if self.path else ""
        match self.problem:
            case "unknown":
                reason = "Cannot find field."
            case "list":
                reason = "Proto field is not repeating, cannot start list."
            case "value":
                value = json.dumps(self.value, ensure_ascii=False)
                return f"Invalid value{where} ({self.expected}), {value}"
        return f'Invalid JSON payload received. Unknown name "{self.name}"{where}: {reason}'


def violations(request: Any, kind: Kind, path: str = "") -> Iterator[Violation]:
    """Yield what Google refuses in a request at `path`."""
    return _check_message(request, _REQUESTS[kind], path, "request")


def refusal(found: Iterable[Violation]) -> ApiError | None:
    """Return the error for a create request with these violations; None if there are none."""
    reported = list(found)[:_MAX_REPORTED]
    if not reported:
        return None
    details = [{"field": v.path, "description": v.message()} for v in reported]
    return ApiError(
        400,
        "\n".join(v.message() for v in reported),
        details=[
            {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": details}
        ],
    )


def check_lines(lines: Iterable[bytes], kind: Kind) -> None:
    """Check the first lines of an input file, as Google does before it creates a batch.

    The words are those of UKGovernmentBEIS/inspect_ai#3257.

    Raises:
        ApiError: 400, with the numbers of the wrong lines.
    """
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if number > _MAX_CHECKED_LINES or len(problems) == _MAX_REPORTED:
            break
        if line.strip() and (problem := _line_problem(line, kind)):
            problems.append(f"Error on line {number}: invalid JSON, near column {problem}")
    if problems:
        raise invalid_argument("\n".join(problems))


def _line_problem(line: bytes, kind: Kind) -> str | None:
    try:
        text = line.decode()
        item = json.loads(text)
    except json.JSONDecodeError as error:
        return f"{error.colno}: {error.msg}"
    except ValueError as error:
        return f"1: {error}"
    request = item.get("request") if isinstance(item, dict) else None
    found = next(violations(request, kind), None) if isinstance(request, dict) else None
    if found is None:
        return None
    column = text.find(json.dumps(found.name, ensure_ascii=False)) + 1
    if found.problem == "unknown":
        return f"{column}: no such field: '{found.name}'"
    return f"{column}: invalid value for field: '{found.name}'"


def _check_message(value: Any, message: _Message, path: str, name: str) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield Violation(path, name, "value", value, _TYPE + message.name)
        return
    members = message.members | {snake(name): m for name, m in message.members.items()}
    for key, item in value.items():
        if key not in members:
            yield Violation(path, key, "unknown")
        elif item is not None:
            inner = f"{path}.{snake(key)}".lstrip(".")
            yield from _check_member(item, members[key], path, inner, key)


def _check_member(
    value: Any, member: _Member, outer: str, path: str, name: str
) -> Iterator[Violation]:
    """Check one member. As at Google, a single value may stand for a list with one."""
    if isinstance(value, list) and not member.repeated and (member.message or member.scalar):
        yield Violation(outer, name, "list")
    elif member.scalar and not _is_scalar(value, member.scalar):
        yield Violation(path, name, "value", value, member.scalar)
    elif member.message and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check_message(item, member.message, f"{path}[{index}]", name)
    elif member.message:
        yield from _check_message(value, member.message, path, name)


def _is_scalar(value: Any, kind: str) -> bool:
    if kind == "TYPE_STRING":
        return isinstance(value, str)
    try:
        return not isinstance(value, bool) and -(2**31) <= int(value) < 2**31
    except (TypeError, ValueError, OverflowError):
        return False
