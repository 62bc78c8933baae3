"""A batch that Google does not end: since when it has been like this, and when a person is needed.

Google promises an end within 48 hours (ai.google.dev/gemini-api/docs/batch-api: a job pending or
running for longer expires).
"""

from datetime import timedelta

from gemini_operator.api.conditions import STALLED, SUBMITTED, find
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.lifecycle.view import View
from gemini_operator.gemini.remote import Summary

# Google's 48 hours and an hour of grace.
OVERDUE = timedelta(hours=49)


def overdue(view: View) -> bool:
    """Whether the open batch should have ended."""
    attempt = view.status.attempt
    return attempt is not None and view.now - attempt.start_time >= OVERDUE


def remaining(view: View) -> float | None:
    """Seconds until the open batch is overdue; `None` without one, and afterwards."""
    attempt = view.status.attempt
    if attempt is None or view.job.finished or overdue(view):
        return None
    return (attempt.start_time + OVERDUE - view.now).total_seconds()


def told(view: View, status: Status, summary: Summary) -> Status:
    """`status` with the condition `Submitted` saying since when Google shows the batch's state."""
    said = find(status.conditions, SUBMITTED)
    if said is not None and summary.state != view.status.gemini_state:
        reason = Reason.ADOPTED if said.reason == Reason.ADOPTED else Reason.SUBMITTED
        status = view.condition(status, SUBMITTED, True, reason, since(view, reason, summary))
    return status


def since(view: View, reason: Reason, summary: Summary) -> str:
    """What the condition `Submitted` says of an open batch; it is renewed with Google's state."""
    return reason.explain(
        f"It is {summary.name}; Google has shown {summary.state} since {rfc3339(view.now)}."
    )


def shown(view: View, status: Status, summary: Summary) -> Status:
    """`status` saying that the open batch is overdue, unless the job cannot go on anyhow."""
    attempt, said = view.status.attempt, find(status.conditions, STALLED)
    if attempt is None or not overdue(view):
        return status
    if said is not None and said.reason == Reason.NOT_SUPPORTED_YET:
        return status
    detail = (
        f"{summary.name} is {summary.state}. It was submitted at {rfc3339(attempt.start_time)}."
    )
    reason = Reason.REMOTE_STUCK
    return view.condition(status, STALLED, True, reason, reason.explain(detail))
