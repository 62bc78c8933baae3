"""The body of a create as Google's REST JSON, and the arguments that the SDK requires besides."""

from collections.abc import Mapping
from typing import Any

from google.genai import types

from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.sdk import milliseconds


def http_options(submission: Submission, seconds: float) -> types.HttpOptions:
    """Return options with the whole batch as `extra_body`, which the SDK merges into its own body.

    The SDK's own conversion would drop members of a request that it does not know. It has no
    priority, and no webhook for embeddings.

    Source: `recursive_dict_update` in `google/genai/_common.py`. It merges objects, replaces lists,
    and changes the spelling of a key only if the SDK has set that key too. So everything below
    `requests`, `webhookConfig` and `priority` is sent unchanged.

    Args:
        submission: the batch.
        seconds: for the whole call.
    """
    return types.HttpOptions(timeout=milliseconds(seconds), extra_body={"batch": batch(submission)})


def source(submission: Submission) -> types.BatchJobSource:
    """Return the least source that the SDK accepts for a generate batch."""
    if submission.file_name is not None:
        return types.BatchJobSource(file_name=submission.file_name)
    return types.BatchJobSource(inlined_requests=[])


def embeddings_source(submission: Submission) -> types.EmbeddingsBatchJobSource:
    """Return the least source that the SDK accepts for an embeddings batch."""
    if submission.file_name is not None:
        return types.EmbeddingsBatchJobSource(file_name=submission.file_name)
    return types.EmbeddingsBatchJobSource(inlined_requests=types.EmbedContentBatch())


def batch(submission: Submission) -> dict[str, Any]:
    """Return the `batch` member of the body (https://ai.google.dev/api/batch-api)."""
    body: dict[str, Any] = {
        "displayName": submission.display_name,
        "inputConfig": _input_config(submission),
    }
    # Zero is the default of the API, so it need not be sent.
    if submission.priority:
        body["priority"] = submission.priority
    if submission.callback_url is not None:
        body["webhookConfig"] = {
            "uris": [submission.callback_url],
            "user_metadata": submission.user_metadata,
        }
    return body


def _input_config(submission: Submission) -> dict[str, Any]:
    if submission.inline is None:
        return {"fileName": submission.file_name}
    return {"requests": {"requests": [_request(item) for item in submission.inline]}}


def _request(item: Mapping[str, Any]) -> dict[str, Any]:
    # Google returns the metadata with each result, which tells the key of the request.
    metadata = {**(item.get("metadata") or {}), "key": item["key"]}
    return {"request": item["request"], "metadata": metadata}
