"""`backoffLimit`: a new batch after one that Google ended as failed or expired (rule P15)."""

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.base.backoff import Backoff
from gemini_operator.controller.lifecycle import attempts
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot

# Seconds before the first new batch, doubled for each that follows: the pace of a batch/v1 Job.
PACE = Backoff(first=10.0, most=360.0)


def allowed(snapshot: Snapshot) -> bool:
    """Whether one more failure may be answered with a new batch."""
    return snapshot.status.failures < snapshot.job.spec.backoff_limit


def again(snapshot: Snapshot, reason: Reason, detail: str) -> PatchStatus:
    """Count the failure, let go of the batch and queue the job for a new one, in one write."""
    status = attempts.retired(snapshot, reason)
    status = snapshot.revise(status, state=State.QUEUED, failures=snapshot.status.failures + 1)
    tally = (
        f"Failure {status.failures} of at most {snapshot.job.spec.backoff_limit}: {reason.value}."
    )
    message = Reason.RETRYING.explain(f"{tally} {detail}".rstrip())
    status = snapshot.condition(status, SUBMITTED, False, Reason.RETRYING, message)
    return PatchStatus(
        status, (Event(Reason.RETRYING, message, warning=True),), pause(status.failures)
    )


def pause(failures: int) -> float:
    """Seconds between the end of the batch and the next attempt."""
    return PACE.longest(failures)


def decide(snapshot: Snapshot) -> Decision | None:
    """Wait a while before the next attempt."""
    said = find(snapshot.status.conditions, SUBMITTED)
    if snapshot.status.attempt is not None or said is None or said.reason != Reason.RETRYING:
        return None
    passed = (snapshot.now - said.last_transition_time).total_seconds()
    left = pause(snapshot.status.failures) - passed
    return RequeueAfter(left) if left > 0 else None
