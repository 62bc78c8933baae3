"""`backoffLimit`: submit a new batch after one that Google ended as failed or expired (P15)."""

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

# The first new batch waits 10 s, each further one twice as long: as the pods of a batch/v1 Job
# (kubernetes.io/docs/concepts/workloads/controllers/job, "Pod backoff failure policy").
PACE = Backoff(first=10.0, most=360.0)


def allowed(snapshot: Snapshot) -> bool:
    """Return whether the job may submit a new batch after one more failure."""
    return snapshot.status.failures < snapshot.job.spec.backoff_limit


def again(snapshot: Snapshot, reason: Reason, detail: str) -> PatchStatus:
    """Count the failure, put the attempt on record and queue the job for a new batch."""
    # One write: a crash between two could count a failure twice, or not at all (P15).
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
    """Return the seconds between the end of the batch and the next attempt."""
    return PACE.longest(failures)


def decide(snapshot: Snapshot) -> Decision | None:
    """Wait for the back-off to pass before the next attempt."""
    said = find(snapshot.status.conditions, SUBMITTED)
    if snapshot.status.attempt is not None or said is None or said.reason != Reason.RETRYING:
        return None
    # Counted from the condition's time, so a restarted process waits no longer.
    passed = (snapshot.now - said.last_transition_time).total_seconds()
    left = pause(snapshot.status.failures) - passed
    return RequeueAfter(left) if left > 0 else None
