"""`ttlSecondsAfterFinished`: a finished job deletes itself (rule P24)."""

from gemini_operator.controller.lifecycle.view import Decision, Remove, View


def remaining(view: View) -> float | None:
    """Seconds until the job is deleted, at least 0; `None` while it runs or without a TTL."""
    seconds, end = view.job.spec.ttl_seconds_after_finished, view.status.completion_time
    if seconds is None or end is None:
        return None
    return max(0.0, seconds - (view.now - end).total_seconds())


def decide(view: View) -> Decision | None:
    """Delete the object; its finalizer then cleans up at Google."""
    return Remove() if remaining(view) == 0.0 else None
