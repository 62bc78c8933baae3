"""`activeDeadlineSeconds`: how long a job may take from its first attempt on."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import submission
from gemini_operator.controller.lifecycle.view import Decision, View


def remaining(view: View) -> float | None:
    """Seconds until the deadline, at least 0; `None` without one or before the first attempt."""
    seconds, start = view.job.spec.active_deadline_seconds, view.status.start_time
    if seconds is None or start is None or view.job.finished:
        return None
    return max(0.0, seconds - (view.now - start).total_seconds())


def exceeded(view: View) -> bool:
    return remaining(view) == 0.0


def decide(view: View) -> Decision | None:
    """End a job whose time is over while nothing of it is at Google."""
    if view.status.attempt is not None or not exceeded(view):
        return None
    return submission.failed(view, Reason.DEADLINE_EXCEEDED, "")
