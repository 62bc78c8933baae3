"""`activeDeadlineSeconds`: how long a job may take, counted from its first attempt."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed


def remaining(snapshot: Snapshot) -> float | None:
    """Return the seconds until the deadline, at least 0.

    `None` without a deadline, before the first attempt, and after the job's end.
    """
    seconds, start = snapshot.job.spec.active_deadline_seconds, snapshot.status.start_time
    if seconds is None or start is None or snapshot.job.finished:
        return None
    return max(0.0, seconds - (snapshot.now - start).total_seconds())


def exceeded(snapshot: Snapshot) -> bool:
    return remaining(snapshot) == 0.0


def decide(snapshot: Snapshot) -> Decision | None:
    """Fail a job whose deadline has passed and that has no attempt."""
    # With an attempt, `cancellation` cancels the batch first; the job ends when the batch does.
    if snapshot.status.attempt is not None or not exceeded(snapshot):
        return None
    return failed(snapshot, Reason.DEADLINE_EXCEEDED, limit(snapshot))


def limit(snapshot: Snapshot) -> str:
    """Say how long the job might run; empty if its deadline was taken back while it was cancelled."""
    seconds = snapshot.job.spec.active_deadline_seconds
    return "" if seconds is None else f"The limit is {seconds} seconds."
