"""Submission: the status before a create (the write-ahead) and after each answer (P7 to P10)."""

from dataclasses import replace

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Attempt, Status
from gemini_operator.controller.lifecycle import unavailable
from gemini_operator.controller.lifecycle.attempts import CLEARED
from gemini_operator.controller.lifecycle.credentials import file_missing, not_permitted, rejected
from gemini_operator.controller.lifecycle.decisions import Decision, Event, PatchStatus, Submit
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import (
    HEALED_BY_A_TURN,
    QUOTAS,
    failed,
    healed,
    stalled,
    with_key,
    without_attempt,
    without_stalled,
)
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Summary


def decide(snapshot: Snapshot) -> Decision | None:
    """Submit a job that has no attempt."""
    if snapshot.status.attempt is not None:
        return None
    # The record keeps eight attempts; the count of failures goes on when older ones are dropped.
    earlier = (attempt.number for attempt in snapshot.status.superseded_attempts)
    return Submit(number=max((snapshot.status.failures, *earlier)) + 1)


def written_ahead(snapshot: Snapshot, attempt: Attempt) -> Status:
    """Return the status to write before the create: the new attempt, nothing of the last one."""
    status = snapshot.revise(
        **{**CLEARED, "attempt": attempt},
        state=State.SUBMITTING,
        # activeDeadlineSeconds runs from the first attempt, so retries do not extend it.
        start_time=snapshot.status.start_time or attempt.start_time,
    )
    status = snapshot.condition(status, SUBMITTED, False, Reason.SUBMITTING)
    return without_stalled(status, _over(snapshot))


def _over(snapshot: Snapshot) -> frozenset[Reason]:
    """Return the problems that are over once a job comes to its create."""
    source = snapshot.job.spec.input
    # Whether a file is there shows only Google's answer.
    read = source is not None and source.file_name is None
    of_input = {Reason.INPUT_MISSING, Reason.INPUT_REFUSED} if read else set()
    return HEALED_BY_A_TURN | {Reason.OUTPUT_REFUSED} | of_input


def priority(snapshot: Snapshot) -> int:
    """Return the batch's priority: the spec's, at most the administrator's limit."""
    return min(snapshot.job.spec.priority, snapshot.rules.max_priority)


def submitted(snapshot: Snapshot, summary: Summary) -> Event:
    """Return the Event for a batch whose name was recorded."""
    detail = f"Batch: {summary.name}."
    if priority(snapshot) < snapshot.job.spec.priority:
        detail += f" Its priority is {priority(snapshot)}, the highest that --max-priority allows."
    return Event(Reason.SUBMITTED, Reason.SUBMITTED.explain(detail))


def queued(snapshot: Snapshot, reason: Reason, detail: str, seconds: float) -> PatchStatus:
    """Queue the job with `reason`, and reconcile it again in `seconds`."""
    said = find(snapshot.status.conditions, SUBMITTED)
    status = with_key(without_attempt(snapshot))
    # Nothing new to say: the condition, its time and its Event stay as they are.
    if snapshot.status.state == State.QUEUED and said is not None and said.reason == reason:
        return PatchStatus(status, seconds=seconds)
    message = reason.explain(detail)
    status = snapshot.condition(status, SUBMITTED, False, reason, message)
    events = (Event(reason, message, warning=True),) if reason in QUOTAS else ()
    return PatchStatus(status, events, seconds)


def decide_refused(snapshot: Snapshot) -> Decision | None:
    """Clear the current attempt if Google refused its create.

    The refusal is a fact in memory until a reconcile has written it. If the process ends before,
    the search finds that there is no batch, which costs time but no second batch.
    """
    refusal, attempt = snapshot.facts.refusal, snapshot.status.attempt
    # The id is compared because a refusal may be of an earlier attempt than the current one.
    if refusal is None or attempt is None or refusal.attempt_id != attempt.id:
        return None
    error, seconds = refusal.error, refusal.seconds
    match error:
        case errors.Throttled():
            write = queued(snapshot, Reason.QUOTA_EXCEEDED, str(error), seconds)
            # A 429 shows that Google knows the key, so a `Stalled` about the key is over.
            return replace(write, status=healed(write.status))
        case errors.FileMissing():
            message = file_missing(_file(snapshot), error)
            return _stalled(snapshot, Reason.INPUT_MISSING, message, seconds)
        case errors.PermissionDenied():
            reason = Reason.CREDENTIALS_REJECTED
            return _stalled(snapshot, reason, not_permitted(error), seconds)
        case errors.CredentialsRejected():
            reason = Reason.CREDENTIALS_REJECTED
            return _stalled(snapshot, reason, rejected(snapshot.job, error), seconds)
        case errors.NotSent():
            # Nothing left the machine, so the job waits like after any failed connection.
            reason = Reason.REMOTE_UNAVAILABLE
            status = snapshot.condition(
                without_attempt(snapshot), SUBMITTED, False, reason, reason.explain(f"{error}.")
            )
            return unavailable.after(snapshot.with_status(status), error)
        case _:
            return failed(snapshot, Reason.INVALID_REQUEST, f"{error}.")


def _file(snapshot: Snapshot) -> str | None:
    source, uploaded = snapshot.job.spec.input, snapshot.status.input_file
    named = source.file_name if source else None
    return named or (uploaded.file_name if uploaded else None)


def _stalled(snapshot: Snapshot, reason: Reason, message: str, seconds: float) -> PatchStatus:
    """Clear the attempt and stall the job until what was refused is fixed."""
    status = snapshot.condition(without_attempt(snapshot), SUBMITTED, False, reason, message)
    return stalled(snapshot.with_status(status), reason, "", seconds, message=message)
