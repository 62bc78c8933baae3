"""A batch as the long-running operation that the Gemini API shows.

The shape is that of public captures (googleapis/python-genai#1323) and of
https://ai.google.dev/api/batch-api: results stand twice in a full answer and not at all in a list,
counts are strings, and members that are zero or not yet known are absent.
"""

import json
from pathlib import Path
from typing import Any

from gemini_emulator.batches import PENDING, RUNNING, SUCCEEDED, Batch
from gemini_emulator.timestamps import rfc3339

_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."


def summary(batch: Batch) -> dict[str, Any]:
    """Render a batch without its results."""
    operation: dict[str, Any] = {"name": batch.name, "metadata": _metadata(batch)}
    if batch.terminal:
        operation["done"] = True
    if batch.error is not None:
        operation["error"] = batch.error
    return operation


def full(batch: Batch, results: Path) -> dict[str, Any]:
    """Render a batch with its results, or with the name of the file that holds them."""
    operation = summary(batch)
    if batch.state == SUCCEEDED:
        output = _output(batch, results)
        operation["metadata"]["output"] = output
        operation["response"] = {
            "@type": f"{_TYPE}{batch.kind}BatchOutput",
            **output,
        }
    return operation


def _metadata(batch: Batch) -> dict[str, Any]:
    metadata = {
        "@type": f"{_TYPE}{batch.kind}Batch",
        "model": batch.model,
        "displayName": batch.display_name,
        "inputConfig": {"fileName": f"files/{batch.file_id}"} if batch.file_id else None,
        "createTime": rfc3339(batch.created),
        "endTime": rfc3339(batch.ended) if batch.ended is not None else None,
        "updateTime": rfc3339(batch.updated),
        "batchStats": _stats(batch),
        "state": batch.state,
        "name": batch.name,
        "priority": str(batch.priority) if batch.priority else None,
    }
    return {name: value for name, value in metadata.items() if value}


def _stats(batch: Batch) -> dict[str, str]:
    waiting = batch.total or 0 if batch.state in {PENDING, RUNNING} else 0
    counts = {
        "requestCount": batch.total or 0,
        "successfulRequestCount": batch.succeeded,
        "failedRequestCount": batch.failed,
        "pendingRequestCount": waiting,
    }
    return {name: str(count) for name, count in counts.items() if count}


def _output(batch: Batch, results: Path) -> dict[str, Any]:
    if batch.results_file:
        return {"responsesFile": batch.results_file}
    with results.open("rb") as file:
        return {"inlinedResponses": {"inlinedResponses": [json.loads(line) for line in file]}}
