"""Batches that Google does not end in time: the job is stalled with `RemoteStuck`.

A batch that is pending or running for more than 48 hours expires
(ai.google.dev/gemini-api/docs/batch-api).
"""

from datetime import timedelta

from gemini_operator.api.conditions import STALLED
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.gemini.remote import Summary

# Google's 48 hours, and an hour more for Google to end it.
OVERDUE = timedelta(hours=49)


def overdue(snapshot: Snapshot) -> bool:
    """Return whether Google should have ended the open batch by now."""
    attempt = snapshot.status.attempt
    return attempt is not None and snapshot.now - attempt.start_time >= OVERDUE


def remaining(snapshot: Snapshot) -> float | None:
    """Return the seconds until the open batch is overdue; `None` without a batch, or if it is."""
    attempt = snapshot.status.attempt
    if attempt is None or snapshot.job.finished or overdue(snapshot):
        return None
    return (attempt.start_time + OVERDUE - snapshot.now).total_seconds()


def with_stuck(snapshot: Snapshot, status: Status, summary: Summary) -> Status:
    """Return `status` with `Stalled` if the open batch is overdue."""
    attempt = snapshot.status.attempt
    if attempt is None or not overdue(snapshot):
        return status
    detail = (
        f"{summary.name} is {summary.state}. It was submitted at {rfc3339(attempt.start_time)}."
    )
    reason = Reason.REMOTE_STUCK
    return snapshot.condition(status, STALLED, True, reason, reason.explain(detail))
