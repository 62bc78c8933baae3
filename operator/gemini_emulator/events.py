"""What a callback says: a thin payload, as https://ai.google.dev/gemini-api/docs/webhooks shows."""

import json
import uuid
from typing import Any

from gemini_emulator.batches import CANCELLED, EXPIRED, FAILED, SUCCEEDED, Batch
from gemini_emulator.timestamps import rfc3339_seconds

TYPES = {
    SUCCEEDED: "batch.succeeded",
    FAILED: "batch.failed",
    CANCELLED: "batch.cancelled",
    EXPIRED: "batch.expired",
}
_NAMESPACE = uuid.UUID("6f2a4a5e-3a55-4d55-9f7e-2b0c7e4a1c11")


def event_type(batch: Batch) -> str:
    return TYPES[batch.state]


def event_id(batch: Batch, uri: str) -> str:
    """Name the event: always the same for one end of one batch and one address."""
    return f"msg_{uuid.uuid5(_NAMESPACE, f'{batch.id} {batch.state} {uri}')}"


def payload(batch: Batch, base_url: str) -> str:
    """Write the body of a callback for an ended batch.

    Google returns `user_metadata` with every event, but does not say where; here it is in `data`.
    Whether `data.id` is `batches/<id>` or the bare id is not documented either; here it is the
    name.
    """
    data: dict[str, Any] = {"id": batch.name}
    if batch.results_file:
        data["output_file_uri"] = f"{base_url}/v1beta/{batch.results_file}"
    if batch.state == FAILED and batch.error:
        data |= {"error_code": batch.error["code"], "error_message": batch.error["message"]}
    if batch.user_metadata:
        data["user_metadata"] = batch.user_metadata
    event = {
        "type": event_type(batch),
        "version": "v1",
        "timestamp": rfc3339_seconds(batch.ended or batch.updated),
        "data": data,
    }
    return json.dumps(event, separators=(",", ":"))
