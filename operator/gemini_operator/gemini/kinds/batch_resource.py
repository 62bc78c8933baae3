"""Parses Google's batch, a long-running operation in JSON. Any member may be missing or odd."""

from collections.abc import Iterator, Mapping
from typing import Any

from gemini_operator.api import names
from gemini_operator.base import sanitize
from gemini_operator.gemini import wire
from gemini_operator.gemini.remote import MOST_RESULTS, Counts, Observation, Summary
from gemini_operator.gemini.tokens import read_token

_NO_STATES = frozenset({"", "BATCH_STATE_UNSPECIFIED", "JOB_STATE_UNSPECIFIED"})
_CANCELLED = 1
"""`google.rpc.Code.CANCELLED`."""


def name_of(operation: Mapping[str, Any]) -> str | None:
    """Return the batch's name; `None` if it does not have the grammar of one (S3)."""
    name = operation.get("name")
    return name if names.matches(names.BATCH_NAME, name) and isinstance(name, str) else None


def bears_token(operation: Mapping[str, Any]) -> bool:
    """Return whether the display name ends with a token of this operator."""
    return read_token(wire.member(operation, "metadata").get("displayName")) is not None


def summary(operation: Mapping[str, Any], name: str) -> Summary:
    """Return a batch without its results.

    Args:
        operation: as Google sent it.
        name: its name, which was checked.
    """
    metadata = wire.member(operation, "metadata")
    display_name = metadata.get("displayName")
    model = sanitize.text(metadata.get("model"), 160)
    return Summary(
        name=name,
        display_name=sanitize.text(display_name, 512),
        model=names.normalise_model(model) if model else "",
        state=_state(operation, metadata),
        created=wire.time(metadata.get("createTime")),
        requests=_counts(wire.member(metadata, "batchStats")),
        error=_error(operation.get("error")),
        # From the raw name: sanitising may cut or change its end.
        token=read_token(display_name),
    )


def observation(operation: Mapping[str, Any], name: str, *, in_memory: bool = True) -> Observation:
    """Return a batch with its results.

    Google sends results twice, in `metadata.output` and in `response`. A job with an input file may
    have inline results, and the other way round, so both are searched for.

    Args:
        operation: as Google sent it.
        name: its name, which was checked.
        in_memory: the operation has its inline results; otherwise they were left out.
    """
    outputs = [
        wire.member(wire.member(operation, "metadata"), "output"),
        wire.member(operation, "response"),
    ]
    lists = [found for output in outputs for found in _inline(output)]
    file = next(filter(None, map(_results_file, outputs)), None)
    # An empty list says nothing if there are results elsewhere.
    inline = next(filter(None, lists), lists[0] if lists else None)
    if in_memory and not inline and file is not None:
        inline = None
    in_memory = in_memory and len(inline or ()) <= MOST_RESULTS
    return Observation(
        summary=summary(operation, name),
        results_file=file,
        inline_results=inline if in_memory else None,
        has_stream=inline is not None and not in_memory,
    )


def _results_file(output: Mapping[str, Any]) -> str | None:
    name = output.get("responsesFile")
    return name if names.matches(names.FILE_NAME, name) and isinstance(name, str) else None


def _inline(output: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    for member in ("inlinedResponses", "inlinedEmbedContentResponses"):
        items = wire.member(output, member).get("inlinedResponses")
        if isinstance(items, list):
            # An item that is no object keeps its index, since results are in the input's order.
            yield [item if isinstance(item, dict) else {} for item in items]


def _state(operation: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """Return Google's word for the state; without one, derive it from `done` and `error`."""
    word = metadata.get("state", "")
    if not isinstance(word, str) or word not in _NO_STATES:
        return sanitize.state(word)
    if operation.get("done") is not True:
        return "BATCH_STATE_UNSPECIFIED"
    error = operation.get("error")
    if not error:
        return "BATCH_STATE_SUCCEEDED"
    cancelled = isinstance(error, Mapping) and error.get("code") == _CANCELLED
    return "BATCH_STATE_CANCELLED" if cancelled else "BATCH_STATE_FAILED"


def _counts(stats: Mapping[str, Any]) -> Counts:
    """Return the request counts. Zeros are absent in Google's JSON, and int64 is a string.

    Source: https://ai.google.dev/api/batch-api.
    """
    return Counts(
        total=sanitize.count(stats.get("requestCount")),
        succeeded=sanitize.count(stats.get("successfulRequestCount")),
        failed=sanitize.count(stats.get("failedRequestCount")),
        pending=sanitize.count(stats.get("pendingRequestCount")),
    )


def _error(error: object) -> str | None:
    """Return the operation's `google.rpc.Status` as one line."""
    if not isinstance(error, Mapping) or not error:
        return None
    code = sanitize.count(error.get("code"))
    message = str(error.get("message") or "no message").rstrip(". ")
    return sanitize.text(f"{message} (Google's code {code})")
