"""The request to create a batch, parsed and validated."""

from dataclasses import dataclass, field
from typing import Any

from gemini_emulator.errors import ApiError, invalid_argument
from gemini_emulator.proto_json import (
    checked_object,
    int64_member,
    member,
    string_list_member,
    string_member,
)
from gemini_emulator.request_check import Kind, Violation, refusal, violations

METHODS: dict[Kind, str] = {
    "GenerateContent": "batchGenerateContent",
    "EmbedContent": "asyncBatchEmbedContent",
}
_BATCH = ("model", "name", "displayName", "inputConfig", "priority", "webhookConfig")


@dataclass(frozen=True)
class CreateRequest:
    """A valid create request; exactly one of `requests` and `file_id` is set."""

    kind: Kind
    model: str
    display_name: str = ""
    priority: int = 0
    requests: tuple[dict[str, Any], ...] = ()
    file_id: str | None = None
    uris: tuple[str, ...] = ()
    user_metadata: dict[str, Any] = field(default_factory=dict)


def parse_create_request(body: Any, *, kind: Kind, model: str) -> CreateRequest:
    """Parse `{"batch": {…}}`.

    A model whose name ends in `-unknown` does not exist; all others do.

    Raises:
        ApiError: 404 for the model, or 400 in Google's words for the body.
    """
    _check_model(model, kind)
    batch = checked_object(
        member(checked_object(body, ("batch",), "body"), "batch") or {}, _BATCH, "batch"
    )
    config = checked_object(
        member(batch, "inputConfig") or {}, ("requests", "fileName"), "batch.input_config"
    )
    webhook = checked_object(
        member(batch, "webhookConfig") or {}, ("uris", "userMetadata"), "batch.webhook_config"
    )
    create_request = CreateRequest(
        kind=kind,
        model=model,
        display_name=string_member(batch, "displayName", "batch"),
        priority=int64_member(batch, "priority", "batch"),
        requests=_requests(config, kind),
        file_id=_file_id(config),
        uris=tuple(string_list_member(webhook, "uris", "batch.webhook_config")),
        user_metadata=_user_metadata(webhook),
    )
    if bool(create_request.requests) == bool(create_request.file_id):
        raise invalid_argument(
            "* BatchGenerateContentRequest.batch.input_config: "
            "exactly one of requests and file_name must be specified\n"
        )
    return create_request


def _check_model(model: str, kind: Kind) -> None:
    if model.endswith("-unknown"):
        raise ApiError(
            404,
            f"{model} is not found for API version v1beta, or is not supported for {METHODS[kind]}.",
        )


def _requests(config: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], ...]:
    where = "batch.input_config.requests"
    outer = checked_object(member(config, "requests") or {}, ("requests",), where)
    found = outer.get("requests") or []
    if not isinstance(found, list):
        raise invalid_argument(f"Invalid value at '{where}.requests': a list is expected.")
    wrong: list[Violation] = []
    inlined = tuple(
        _inlined_request(item, kind, f"{where}.requests[{index}]", wrong)
        for index, item in enumerate(found)
    )
    if error := refusal(wrong):
        raise error
    return inlined


def _inlined_request(item: Any, kind: Kind, where: str, wrong: list[Violation]) -> dict[str, Any]:
    """Return the request and its metadata; add what is wrong in the request to `wrong`."""
    inlined = checked_object(item, ("request", "metadata"), where)
    request = inlined.get("request") or {}
    wrong.extend(violations(request, kind, f"{where}.request"))
    metadata = inlined.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise invalid_argument(f"Invalid value at '{where}.metadata': an object is expected.")
    return {"request": request} | ({"metadata": metadata} if metadata else {})


def _file_id(config: dict[str, Any]) -> str | None:
    name = string_member(config, "fileName", "batch.input_config")
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
