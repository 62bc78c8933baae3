"""`ttlSecondsAfterFinished`: the operator deletes a finished job (P24)."""

from gemini_operator.controller.lifecycle.decisions import Decision, DeleteObject
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def remaining(snapshot: Snapshot) -> float | None:
    """Return the seconds until the deletion, at least 0; `None` without a TTL or before the end."""
    seconds, end = snapshot.job.spec.ttl_seconds_after_finished, snapshot.status.completion_time
    if seconds is None or end is None:
        return None
    return max(0.0, seconds - (snapshot.now - end).total_seconds())


def decide(snapshot: Snapshot) -> Decision | None:
    """Delete the object; its finalizer then cleans up at Google."""
    return DeleteObject() if remaining(snapshot) == 0.0 else None
