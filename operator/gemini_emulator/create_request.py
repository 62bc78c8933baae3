"""The body of a create request, read and checked."""

from dataclasses import dataclass, field
from typing import Any, Literal

from gemini_emulator.errors import ApiError, invalid_argument
from gemini_emulator.proto_json import int64, member, only, text, texts

Kind = Literal["GenerateContent", "EmbedContent"]

METHODS: dict[Kind, str] = {
    "GenerateContent": "batchGenerateContent",
    "EmbedContent": "asyncBatchEmbedContent",
}
_BATCH = ("model", "name", "displayName", "inputConfig", "priority", "webhookConfig")
_CONTENT_REQUEST: dict[Kind, tuple[str, ...]] = {
    "GenerateContent": (
        "model",
        "contents",
        "tools",
        "toolConfig",
        "safetySettings",
        "systemInstruction",
        "generationConfig",
        "cachedContent",
        "labels",
        "serviceTier",
        "store",
    ),
    "EmbedContent": (
        "model",
        "content",
        "taskType",
        "title",
        "outputDimensionality",
        "autoTruncate",
        "embedContentConfig",
    ),
}


@dataclass(frozen=True)
class Submission:
    """What a create request asks for; exactly one of `requests` and `file_id` is set."""

    kind: Kind
    model: str
    display_name: str = ""
    priority: int = 0
    requests: tuple[dict[str, Any], ...] = ()
    file_id: str | None = None
    uris: tuple[str, ...] = ()
    user_metadata: dict[str, Any] = field(default_factory=dict)


def parse_create_request(body: Any, *, kind: Kind, model: str) -> Submission:
    """Read `{"batch": {…}}`; ApiError in Google's words where it is wrong.

    A model whose name ends in `-unknown` does not exist; every other one does.
    """
    if model.endswith("-unknown"):
        raise ApiError(
            404,
            f"{model} is not found for API version v1beta, or is not supported for {METHODS[kind]}.",
        )
    batch = only(member(only(body, ("batch",), "body"), "batch") or {}, _BATCH, "batch")
    config = only(
        member(batch, "inputConfig") or {}, ("requests", "fileName"), "batch.input_config"
    )
    webhook = only(
        member(batch, "webhookConfig") or {}, ("uris", "userMetadata"), "batch.webhook_config"
    )
    submission = Submission(
        kind=kind,
        model=model,
        display_name=text(batch, "displayName", "batch"),
        priority=int64(batch, "priority", "batch"),
        requests=_requests(config, kind),
        file_id=_file_id(config),
        uris=tuple(texts(webhook, "uris", "batch.webhook_config")),
        user_metadata=_user_metadata(webhook),
    )
    if bool(submission.requests) == bool(submission.file_id):
        raise invalid_argument(
            "* BatchGenerateContentRequest.batch.input_config: "
            "exactly one of requests and file_name must be specified\n"
        )
    return submission


def _requests(config: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], ...]:
    where = "batch.input_config.requests"
    outer = only(member(config, "requests") or {}, ("requests",), where)
    found = outer.get("requests") or []
    if not isinstance(found, list):
        raise invalid_argument(f"Invalid value at '{where}.requests': a list is expected.")
    return tuple(
        _inlined_request(item, kind, f"{where}.requests[{index}]")
        for index, item in enumerate(found)
    )


def _inlined_request(item: Any, kind: Kind, where: str) -> dict[str, Any]:
    inlined = only(item, ("request", "metadata"), where)
    request = only(inlined.get("request") or {}, _CONTENT_REQUEST[kind], f"{where}.request")
    metadata = inlined.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise invalid_argument(f"Invalid value at '{where}.metadata': an object is expected.")
    return {"request": request} | ({"metadata": metadata} if metadata else {})


def _file_id(config: dict[str, Any]) -> str | None:
    name = text(config, "fileName", "batch.input_config")
    if not name:
        return None
    if not name.startswith("files/") or "/" in name.removeprefix("files/"):
        raise invalid_argument("* batch.input_config.file_name: must have the form files/{file}\n")
    return name.removeprefix("files/")


def _user_metadata(webhook: dict[str, Any]) -> dict[str, Any]:
    found = member(webhook, "userMetadata") or {}
    if not isinstance(found, dict):
        raise invalid_argument(
            "Invalid value at 'batch.webhook_config.user_metadata': an object is expected."
        )
    return found
