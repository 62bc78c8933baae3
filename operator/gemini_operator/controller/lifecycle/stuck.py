"""A batch that Google does not end: since when it has been like this, and when a person is needed.

Google promises an end within 48 hours (ai.google.dev/gemini-api/docs/batch-api: a job pending or
running for longer expires).
"""

from datetime import timedelta

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.gemini.remote import Summary

# Google's 48 hours and an hour of grace.
OVERDUE = timedelta(hours=49)


def overdue(snapshot: Snapshot) -> bool:
    """Whether the open batch should have ended."""
    attempt = snapshot.status.attempt
    return attempt is not None and snapshot.now - attempt.start_time >= OVERDUE


def remaining(snapshot: Snapshot) -> float | None:
    """Seconds until the open batch is overdue; `None` without one, and afterwards."""
    attempt = snapshot.status.attempt
    if attempt is None or snapshot.job.finished or overdue(snapshot):
        return None
    return (attempt.start_time + OVERDUE - snapshot.now).total_seconds()


def shown(snapshot: Snapshot, status: Status, summary: Summary) -> Status:
    """`status` saying that the open batch is overdue, unless the job cannot go on anyhow."""
    attempt, said = snapshot.status.attempt, find(status.conditions, STALLED)
    if attempt is None or not overdue(snapshot):
        return status
    if said is not None and said.reason == Reason.NOT_SUPPORTED_YET:
        return status
    detail = (
        f"{summary.name} is {summary.state}. It was submitted at {rfc3339(attempt.start_time)}."
    )
    reason = Reason.REMOTE_STUCK
    return snapshot.condition(status, STALLED, True, reason, reason.explain(detail))
