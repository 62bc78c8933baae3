"""What a create says: Google's REST JSON, and the little that the SDK must be told besides."""

from typing import Any

from google.genai import types

from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.sdk import milliseconds


def http_options(submission: Submission, seconds: float) -> types.HttpOptions:
    """The whole batch as `extra_body`, which the SDK merges into its own at the very end.

    It merges object by object, takes lists as they are, and spells a key of ours like its own
    only where it has set that key itself; so everything below `requests`, `webhookConfig` and
    `priority` goes out untouched (`google/genai/_common.py`, `recursive_dict_update`). Its own
    conversion would drop a request's unknown members, knows no priority, and no webhook for
    embeddings.
    """
    return types.HttpOptions(timeout=milliseconds(seconds), extra_body={"batch": batch(submission)})


def source(submission: Submission) -> types.BatchJobSource:
    """The least the SDK accepts as the source of a generate batch."""
    if submission.file_name is not None:
        return types.BatchJobSource(file_name=submission.file_name)
    return types.BatchJobSource(inlined_requests=[])


def embeddings_source(submission: Submission) -> types.EmbeddingsBatchJobSource:
    """The least the SDK accepts as the source of an embeddings batch."""
    if submission.file_name is not None:
        return types.EmbeddingsBatchJobSource(file_name=submission.file_name)
    return types.EmbeddingsBatchJobSource(inlined_requests=types.EmbedContentBatch())


def batch(submission: Submission) -> dict[str, Any]:
    """The `batch` member: https://ai.google.dev/api/batch-api."""
    body: dict[str, Any] = {
        "displayName": submission.display_name,
        "inputConfig": _input_config(submission),
    }
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
    requests = [
        {"request": item["request"], "metadata": {"key": item["key"]}} for item in submission.inline
    ]
    return {"requests": {"requests": requests}}
