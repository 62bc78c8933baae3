"""Builders of statuses and conditions that several policies share."""

from collections.abc import Collection
from typing import Any

from gemini_operator.api.conditions import (
    COMPLETE,
    FAILED,
    STALLED,
    SUBMITTED,
    SUSPENDED,
    find,
    find_reason,
    is_true,
    without_condition,
)
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Requests, Status
from gemini_operator.controller.lifecycle.decisions import Event, PatchStatus
from gemini_operator.controller.lifecycle.progress import RECOVERS, pause, problem
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.gemini.remote import Outcome, Summary

# Stalled reasons that a successful answer from Google disproves. RemoteStuck is not among them: an
# overdue batch still answers.
HEALED_BY_AN_ANSWER = frozenset(
    {
        Reason.CREDENTIALS_MISSING,
        Reason.INPUT_MISSING,
        Reason.INPUT_REFUSED,
        Reason.OUTPUT_REFUSED,
        Reason.CREDENTIALS_REJECTED,
        Reason.KEY_CHANGED,
        Reason.AMBIGUOUS_SUBMISSION,
        Reason.INTERNAL,
        Reason.REMOTE_UNAVAILABLE,
        Reason.SCHEMA_OUTDATED,
        Reason.WRITE_REFUSED,
    }
)


# Stalled reasons that are over once the job waits for quota: the API key was read, no field of the
# CRD is missing, and the reconcile came this far. Google was not asked, so its refusals stay.
HEALED_BY_A_TURN = frozenset(
    {
        Reason.CREDENTIALS_MISSING,
        Reason.SCHEMA_OUTDATED,
        Reason.WRITE_REFUSED,
        Reason.INTERNAL,
    }
)


# Reasons of a job whose input is being copied to Google, or waits for that.
COPYING = frozenset({Reason.WAITING_TO_UPLOAD, Reason.UPLOADING})


# Reasons of a job that waits because a quota at Google is used up.
QUOTAS = frozenset({Reason.QUOTA_EXCEEDED, Reason.FILE_STORAGE_FULL})


# The message for a job whose API key Google refused to another job. Google's own words are left
# out, because they may name that other job's model or file.
INHERITED = (
    "Google rejected it for another job with the same key. Until Google accepts the key again, the "
    "jobs that use it retry one at a time."
)


# The states of a job with an open batch. Callers fall back to Running or to the state before for
# an outcome that is not listed, such as a state Google added later.
STATES = {Outcome.PENDING: State.PENDING, Outcome.RUNNING: State.RUNNING}


def named(snapshot: Snapshot, summary: Summary) -> Status:
    """Return the status of a job whose current attempt has the batch `summary`.

    Raises:
        ValueError: the job has no attempt.
    """
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
    """Return what the patch that records a batch name writes: paths below `/status`, and values.
    `None` is for a field to remove.

    The patch leaves all other fields alone, so that it succeeds even if the receiver or a user has
    changed the object since.
    """
    dump = status.dump()
    names = ("batchName", "geminiState", "requests", "state", "conditions", "observedGeneration")
    fields = {name: dump[name] for name in names if name in dump}
    fields["reason"] = dump.get("reason")
    return {"attempt/batchName": dump["attempt"]["batchName"], **fields}


def requests_of(summary: Summary) -> Requests | None:
    """Return Google's request counts, or `None` while Google gives none."""
    # A batch without `batchStats` is parsed as one with zero requests; none is better than wrong.
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
    """Return `status` whose condition `Submitted` tells since when Google shows this state."""
    said = find(status.conditions, SUBMITTED)
    if said is not None and summary.state != snapshot.status.gemini_state:
        reason = Reason.ADOPTED if said.reason == Reason.ADOPTED else Reason.SUBMITTED
        status = snapshot.condition(
            status, SUBMITTED, True, reason, submitted_message(snapshot, reason, summary)
        )
    return status


def submitted_message(snapshot: Snapshot, reason: Reason, summary: Summary) -> str:
    """Return the message of `Submitted` for an open batch; it changes with Google's state."""
    return reason.explain(f"Batch: {summary.name}, {summary.state} since {rfc3339(snapshot.now)}.")


def with_cancelling(snapshot: Snapshot, state: str | None) -> str | None:
    """Return `state`, or `Cancelling` while the open batch is being cancelled."""
    # Google shows a cancelled batch as running for a while; the job must not leave Cancelling then.
    return State.CANCELLING if snapshot.status.state == State.CANCELLING else state


def stalled(
    snapshot: Snapshot,
    reason: Reason,
    detail: str,
    seconds: float | None = None,
    *,
    message: str | None = None,
) -> PatchStatus:
    """Stall the job: something is missing or refused, and the job is tried again.

    A job that has ended is never stalled; what is left to do for it is only tried again.

    Args:
        snapshot: the job.
        reason: of the condition.
        detail: added to the reason's own message.
        seconds: until the next reconcile; `None` for soon if the reason recovers, else for the
            job's back-off.
        message: replaces the reason's message and `detail`.
    """
    if snapshot.job.finished:
        return PatchStatus(snapshot.status, (), seconds, seconds is None)
    if seconds is None and reason in RECOVERS:
        seconds = pause(snapshot)
    message = message or reason.explain(detail)
    status = problem(snapshot, snapshot.status, reason, message)
    if status.state is None:
        status = snapshot.revise(status, state=State.QUEUED)
    status = _not_copying(snapshot, status, reason, message)
    # One Event when the job stalls, not one for every retry.
    events = () if is_stalled_for(snapshot, reason) else (Event(reason, message, warning=True),)
    return PatchStatus(status, events, seconds, seconds is None)


def _not_copying(snapshot: Snapshot, status: Status, reason: Reason, message: str) -> Status:
    """Let `Submitted` say what keeps an input from being copied, instead of that it is copied."""
    said, known = find(status.conditions, SUBMITTED), find(snapshot.status.conditions, STALLED)
    waits = status.input_file is not None and status.attempt is None
    if said is None or not waits or snapshot.job.deleting:
        return status
    # The reason of an earlier problem is replaced, too.
    if said.reason not in COPYING and (known is None or said.reason != known.reason):
        return status
    return not_copied(snapshot, snapshot.condition(status, SUBMITTED, False, reason, message))


def not_copied(snapshot: Snapshot, status: Status) -> Status:
    """Return the status of a job of which nothing is being copied to Google now."""
    file = status.input_file
    # Of a file that is whole, the size stays.
    if file is not None and file.sha256 is None:
        file = file.model_copy(update={"bytes": None})
    return snapshot.revise(status, state=State.QUEUED, input_file=file)


def is_stalled_for(snapshot: Snapshot, reason: Reason) -> bool:
    """Whether the job says that it waits, or is stalled, for `reason`."""
    return find_reason(snapshot.status.conditions, STALLED) == reason


def healed(status: Status) -> Status:
    """Return `status` without a `Stalled` that a successful answer from Google disproves."""
    return without_stalled(status, HEALED_BY_AN_ANSWER)


def without_stalled(status: Status, reasons: Collection[str] | None = None) -> Status:
    """Return `status` without the condition `Stalled`, if it has one of `reasons`.

    `reasons`: `None` for any.
    """
    condition = find(status.conditions, STALLED)
    if condition is None or (reasons is not None and condition.reason not in reasons):
        return status
    return status.model_copy(
        update={"conditions": tuple(without_condition(status.conditions, STALLED))}
    )


def with_key(status: Status) -> Status:
    """Return `status` of a job that waits for quota without a `Stalled` about its API key.

    The wait may be long, so a problem that is over must not be shown until its end. A refusal that
    the job only inherited from another job is over too; Google's refusal of this job's own create
    stays.
    """
    condition = find(status.conditions, STALLED)
    inherited = Reason.CREDENTIALS_REJECTED.explain(INHERITED)
    if condition is not None and condition.message == inherited:
        return without_stalled(status)
    return without_stalled(status, HEALED_BY_A_TURN)


def failed(
    snapshot: Snapshot,
    reason: Reason,
    detail: str,
    message: str | None = None,
    state: State = State.FAILED,
) -> PatchStatus:
    """End a job that has no batch; `message` replaces the reason's message and `detail`."""
    status = not_copied(snapshot, without_attempt(snapshot))
    status = snapshot.revise(status, state=state, completion_time=snapshot.now)
    message = message or reason.explain(detail)
    status = snapshot.condition(status, SUBMITTED, False, reason, message)
    return ended_as_failed(snapshot, status, reason, message)


def ended_as_failed(
    snapshot: Snapshot, status: Status, reason: Reason, message: str
) -> PatchStatus:
    """Write `status` with the condition `Failed` and a Warning Event."""
    status = ended(snapshot.condition(status, FAILED, True, reason, message))
    return PatchStatus(status, (Event(reason, message, warning=True),))


def without_attempt(snapshot: Snapshot) -> Status:
    """Return the status of a job that surely has no batch: without attempt and without claim."""
    return snapshot.revise(attempt=None, batch_name=None, state=State.QUEUED)


def ended(status: Status) -> Status:
    """Return `status` of an ended job: nothing in it waits for anybody any more."""
    over = (Reason.SUSPENDING, Reason.SUSPENDED)
    conditions = without_condition(status.conditions, STALLED)
    # False while the results were late.
    if not is_true(conditions, COMPLETE):
        conditions = without_condition(conditions, COMPLETE)
    said = find(conditions, SUSPENDED)
    # `Suspended` False with the reason Resumed is history and may stay.
    if said is not None and said.reason in over:
        conditions = without_condition(conditions, SUSPENDED)
    return status.model_copy(update={"conditions": tuple(conditions)})
