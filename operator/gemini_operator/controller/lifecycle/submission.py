"""A job without an attempt gets one: what is written before, and after each answer (P7 to P10)."""

from dataclasses import replace
from typing import Any

from gemini_operator.api.conditions import FAILED, SUBMITTED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import Attempt, Requests, Status
from gemini_operator.controller.lifecycle import stuck
from gemini_operator.controller.lifecycle.credentials import (
    FILE_MISSING,
    NOT_PERMITTED,
    ended,
    healed,
    stalled,
    with_key,
)
from gemini_operator.controller.lifecycle.retirement import CLEARED
from gemini_operator.controller.lifecycle.view import Decision, Event, Submit, View, Write
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Outcome, Summary

STATES = {Outcome.PENDING: State.PENDING, Outcome.RUNNING: State.RUNNING}


def decide(view: View) -> Decision | None:
    """Submit a job that has no attempt."""
    if view.status.attempt is not None:
        return None
    earlier = (attempt.number for attempt in view.status.superseded_attempts)
    return Submit(number=max((view.status.failures, *earlier)) + 1)


def written_ahead(view: View, attempt: Attempt) -> Status:
    """The status before the create is sent: the new attempt, and nothing left of the last one."""
    status = view.revise(
        **{**CLEARED, "attempt": attempt},
        state=State.SUBMITTING,
        start_time=view.status.start_time or attempt.start_time,
    )
    return view.condition(status, SUBMITTED, False, Reason.SUBMITTING)


def named(view: View, summary: Summary) -> Status:
    """The status once the attempt's batch is known."""
    attempt = view.status.attempt
    if attempt is None:
        raise ValueError("a batch was found for a job without an attempt")
    status = view.revise(
        attempt=attempt.model_copy(update={"batch_name": summary.name}),
        batch_name=summary.name,
        gemini_state=summary.state,
        requests=requests_of(summary),
        state=STATES.get(summary.outcome, State.RUNNING),
    )
    message = stuck.since(view, Reason.SUBMITTED, summary)
    return healed(view.condition(status, SUBMITTED, True, Reason.SUBMITTED, message))


def priority(view: View) -> int:
    """The priority that the batch gets: the spec's, or the administrator's limit below it."""
    return min(view.job.spec.priority, view.rules.max_priority)


def submitted(view: View, summary: Summary) -> Event:
    """What `kubectl describe` says once the batch has its name."""
    detail = f"It is {summary.name}."
    if priority(view) < view.job.spec.priority:
        detail += f" Its priority is {priority(view)}, the most that --max-priority allows."
    return Event(Reason.SUBMITTED, Reason.SUBMITTED.explain(detail))


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


def without_attempt(view: View) -> Status:
    """A definite refusal clears the attempt: nothing of it can be at Google, nor is a claim kept."""
    return view.revise(attempt=None, batch_name=None, state=State.QUEUED)


def queued(view: View, reason: Reason, detail: str, seconds: float) -> Write:
    """Say once that the job waits for its turn, and come back in `seconds`."""
    said = find(view.status.conditions, SUBMITTED)
    status = with_key(without_attempt(view))
    if view.status.state == State.QUEUED and said is not None and said.reason == reason:
        return Write(status, seconds=seconds)
    message = reason.explain(detail)
    status = view.condition(status, SUBMITTED, False, reason, message)
    throttled = reason == Reason.QUOTA_EXCEEDED
    return Write(status, (Event(reason, message, warning=True),) if throttled else (), seconds)


def decide_refused(view: View) -> Decision | None:
    """A refused create clears its attempt, whatever came between the answer and this pass."""
    refusal, attempt = view.facts.refusal, view.status.attempt
    if refusal is None or attempt is None or refusal.attempt_id != attempt.id:
        return None
    error, seconds = refusal.error, refusal.seconds
    match error:
        case errors.Throttled():
            write = queued(view, Reason.QUOTA_EXCEEDED, str(error), seconds)
            return replace(write, status=healed(write.status))
        case errors.FileMissing():
            return _stalled(
                view, Reason.INPUT_MISSING, f"{FILE_MISSING} {_file(view)}{error}", seconds
            )
        case errors.PermissionDenied():
            return _stalled(view, Reason.CREDENTIALS_REJECTED, f"{NOT_PERMITTED} {error}", seconds)
        case errors.CredentialsRejected():
            reason = Reason.CREDENTIALS_REJECTED
            return _stalled(view, reason, reason.explain(error), seconds)
        case errors.NotSent():
            return Write(without_attempt(view), retry=True)
        case _:
            return failed(view, Reason.INVALID_REQUEST, str(error))


def _file(view: View) -> str:
    named = view.job.spec.input.file_name if view.job.spec.input else None
    return f"The input is {named}. " if named else ""


def _stalled(view: View, reason: Reason, message: str, seconds: float) -> Write:
    """The job has no attempt any more, and waits until what was refused is put right."""
    status = view.condition(without_attempt(view), SUBMITTED, False, reason, message)
    cleared = replace(view, job=replace(view.job, status=status))
    return stalled(cleared, reason, "", seconds, message=message)


def failed(
    view: View, reason: Reason, detail: str, message: str | None = None, state: State = State.FAILED
) -> Write:
    """End a job that has no batch; `message` replaces what the reason says by itself."""
    status = view.revise(without_attempt(view), state=state, completion_time=view.now)
    message = message or reason.explain(detail)
    status = view.condition(status, SUBMITTED, False, reason, message)
    status = ended(view.condition(status, FAILED, True, reason, message))
    return Write(status, (Event(reason, message, warning=True),))
