"""Statuses that several policies write, and the parts that they are made of."""

from typing import Any

from gemini_operator.api.conditions import (
    FAILED,
    STALLED,
    SUBMITTED,
    SUSPENDED,
    find,
    without_condition,
)
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Requests, Status
from gemini_operator.controller.lifecycle.decisions import Event, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.gemini.remote import Outcome, Summary

# What a good answer from Google proves to be over.
HEALED_BY_AN_ANSWER = frozenset(
    {
        Reason.CREDENTIALS_MISSING,
        Reason.INPUT_MISSING,
        Reason.OUTPUT_REFUSED,
        Reason.CREDENTIALS_REJECTED,
        Reason.KEY_CHANGED,
        Reason.AMBIGUOUS_SUBMISSION,
        Reason.INTERNAL,
        Reason.SCHEMA_OUTDATED,
    }
)


# What is over once the job waits for its turn.
HEALED_BY_A_TURN = frozenset({Reason.CREDENTIALS_MISSING, Reason.SCHEMA_OUTDATED, Reason.INTERNAL})


# What a job says whose key was refused to another job: Google's words may name what is not its own.
INHERITED = (
    "Google rejected it for another job with the same key. Until Google accepts the key again, the "
    "jobs that use it retry one at a time."
)


STATES = {Outcome.PENDING: State.PENDING, Outcome.RUNNING: State.RUNNING}


def named(snapshot: Snapshot, summary: Summary) -> Status:
    """The status once the attempt's batch is known."""
    attempt = snapshot.status.attempt
    if attempt is None:
        raise ValueError("a batch was found for a job without an attempt")
    status = snapshot.revise(
        attempt=attempt.model_copy(update={"batch_name": summary.name}),
        batch_name=summary.name,
        gemini_state=summary.state,
        requests=requests_of(summary),
        state=STATES.get(summary.outcome, State.RUNNING),
    )
    message = submitted_message(snapshot, Reason.SUBMITTED, summary)
    return healed(snapshot.condition(status, SUBMITTED, True, Reason.SUBMITTED, message))


def named_fields(status: Status) -> dict[str, Any]:
    """What of `named` goes into the JSON patch: paths below `/status` and their values."""
    dump = status.dump()
    names = ("batchName", "geminiState", "requests", "state", "conditions", "observedGeneration")
    fields = {name: dump[name] for name in names if name in dump}
    return {"attempt/batchName": dump["attempt"]["batchName"], **fields}


def requests_of(summary: Summary) -> Requests | None:
    """Google's counts, or `None` while it gives none."""
    counts = summary.requests
    if counts.total == 0:
        return None
    return Requests(
        total=counts.total,
        succeeded=counts.succeeded,
        failed=counts.failed,
        pending=counts.pending,
    )


def with_submitted_since(snapshot: Snapshot, status: Status, summary: Summary) -> Status:
    """`status` with the condition `Submitted` saying since when Google shows the batch's state."""
    said = find(status.conditions, SUBMITTED)
    if said is not None and summary.state != snapshot.status.gemini_state:
        reason = Reason.ADOPTED if said.reason == Reason.ADOPTED else Reason.SUBMITTED
        status = snapshot.condition(
            status, SUBMITTED, True, reason, submitted_message(snapshot, reason, summary)
        )
    return status


def submitted_message(snapshot: Snapshot, reason: Reason, summary: Summary) -> str:
    """What the condition `Submitted` says of an open batch; it is renewed with Google's state."""
    return reason.explain(f"Batch: {summary.name}, {summary.state} since {rfc3339(snapshot.now)}.")


def with_cancelling(snapshot: Snapshot, state: str | None) -> str | None:
    """The state of a job whose open batch was looked at: `state`, or that it is being cancelled."""
    return State.CANCELLING if snapshot.status.state == State.CANCELLING else state


def stalled(
    snapshot: Snapshot,
    reason: Reason,
    detail: str,
    seconds: float | None = None,
    *,
    message: str | None = None,
) -> PatchStatus:
    """
    Say what is missing or refused; look again in `seconds`, or with the job's back-off.

    `message` replaces the reason's own. A job that has ended is never stalled: what is left to do for
    it is only tried again.
    """
    if snapshot.job.finished:
        return PatchStatus(snapshot.status, (), seconds, seconds is None)
    message = message or reason.explain(detail)
    status = snapshot.condition(snapshot.status, STALLED, True, reason, message)
    if status.state is None:
        status = snapshot.revise(status, state=State.QUEUED)
    events = () if is_stalled_for(snapshot, reason) else (Event(reason, message, warning=True),)
    return PatchStatus(status, events, seconds, seconds is None)


def is_stalled_for(snapshot: Snapshot, reason: Reason) -> bool:
    known = find(snapshot.status.conditions, STALLED)
    return known is not None and known.status == "True" and known.reason == reason


def healed(status: Status) -> Status:
    """`status` without the trouble that a good answer from Google has ended."""
    condition = find(status.conditions, STALLED)
    if condition is None or condition.status != "True":
        return status
    if condition.reason not in HEALED_BY_AN_ANSWER:
        return status
    return status.model_copy(
        update={"conditions": tuple(without_condition(status.conditions, STALLED))}
    )


def with_key(status: Status) -> Status:
    """
    `status` of a job that waits for its turn, which may be long: its key is there.

    Nor is it refused to others any more; what Google has said to the job itself stays.
    """
    condition = find(status.conditions, STALLED)
    if condition is None:
        return status
    inherits = condition.message == Reason.CREDENTIALS_REJECTED.explain(INHERITED)
    if condition.reason not in HEALED_BY_A_TURN and not inherits:
        return status
    return status.model_copy(
        update={"conditions": tuple(without_condition(status.conditions, STALLED))}
    )


def failed(
    snapshot: Snapshot,
    reason: Reason,
    detail: str,
    message: str | None = None,
    state: State = State.FAILED,
) -> PatchStatus:
    """End a job that has no batch; `message` replaces what the reason says by itself."""
    status = snapshot.revise(without_attempt(snapshot), state=state, completion_time=snapshot.now)
    message = message or reason.explain(detail)
    status = snapshot.condition(status, SUBMITTED, False, reason, message)
    return ended_as_failed(snapshot, status, reason, message)


def ended_as_failed(
    snapshot: Snapshot, status: Status, reason: Reason, message: str
) -> PatchStatus:
    """Write `status` with the condition `Failed`; nobody is needed for the job any more."""
    status = ended(snapshot.condition(status, FAILED, True, reason, message))
    return PatchStatus(status, (Event(reason, message, warning=True),))


def without_attempt(snapshot: Snapshot) -> Status:
    """A definite refusal clears the attempt: nothing of it can be at Google, nor is a claim kept."""
    return snapshot.revise(attempt=None, batch_name=None, state=State.QUEUED)


def ended(status: Status) -> Status:
    """`status` of a job that has ended: nobody is needed any more, and nothing is suspended."""
    over = (Reason.SUSPENDING, Reason.SUSPENDED)
    conditions = without_condition(status.conditions, STALLED)
    said = find(conditions, SUSPENDED)
    if said is not None and said.reason in over:
        conditions = without_condition(conditions, SUSPENDED)
    return status.model_copy(update={"conditions": tuple(conditions)})
