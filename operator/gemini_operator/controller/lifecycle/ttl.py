"""`ttlSecondsAfterFinished`: a finished job deletes itself (rule P24)."""

from gemini_operator.controller.lifecycle.decisions import Decision, DeleteObject
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def remaining(snapshot: Snapshot) -> float | None:
    """Seconds until the job is deleted, at least 0; `None` while it runs or without a TTL."""
    seconds, end = snapshot.job.spec.ttl_seconds_after_finished, snapshot.status.completion_time
    if seconds is None or end is None:
        return None
    return max(0.0, seconds - (snapshot.now - end).total_seconds())


def decide(snapshot: Snapshot) -> Decision | None:
    """Delete the object; its finalizer then cleans up at Google."""
    return DeleteObject() if remaining(snapshot) == 0.0 else None
