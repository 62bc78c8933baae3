"""Ends: what Google's last word makes of the job (rule P24 and the table below it)."""

from dataclasses import replace

from gemini_operator.api.conditions import COMPLETE, FAILED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import OutputStatus, Requests, Status
from gemini_operator.controller.lifecycle import cancellation, refresh, retries, stuck, suspension
from gemini_operator.controller.lifecycle.cancellation import Cause
from gemini_operator.controller.lifecycle.credentials import ended
from gemini_operator.controller.lifecycle.submission import requests_of
from gemini_operator.controller.lifecycle.view import Decision, Deliver, Event, View, Write
from gemini_operator.gemini.remote import Observation, Outcome, Summary

ENDS = {
    Outcome.FAILED: (State.FAILED, Reason.REMOTE_FAILED),
    Outcome.EXPIRED: (State.EXPIRED, Reason.REMOTE_EXPIRED),
    Outcome.CANCELLED: (State.CANCELLED, Reason.CANCELLED),
}


def decide(view: View, observation: Observation) -> Decision:
    """End a job whose batch has ended; results that have to go somewhere are delivered first."""
    if observation.summary.outcome != Outcome.SUCCEEDED:
        return _ended_badly(view, observation.summary)
    if view.job.spec.output is not None:
        return Deliver(observation)
    return delivered(view, observation, at_google(observation))


def at_google(observation: Observation) -> OutputStatus:
    """The reference to results that stay where they are."""
    if observation.results_file is not None:
        return OutputStatus(file_name=observation.results_file)
    return OutputStatus(batch_name=observation.summary.name)


def delivered(view: View, observation: Observation, output: OutputStatus) -> Write:
    """Complete: the results are in their place. One write ends the job."""
    requests = _counted(view, observation)
    failed = requests.failed if requests else 0
    reason = Reason.COMPLETED_WITH_FAILURES if failed else Reason.SUCCEEDED
    status = view.revise(
        _last_look(view, observation.summary),
        state=State.PARTIALLY_SUCCEEDED if failed else State.SUCCEEDED,
        requests=requests,
        output=output,
    )
    message = reason.explain(_tally(requests, output))
    status = ended(view.condition(status, COMPLETE, True, reason, message))
    return Write(status, (Event(reason, message, warning=bool(failed)),))


def somebody_elses(view: View, observation: Observation) -> Write:
    """Failed: another job has the batch, whatever this job's status says."""
    status = view.revise(_last_look(view, observation.summary), state=State.FAILED)
    return _failed(view, status, Reason.ALREADY_ADOPTED, "")


def undeliverable(view: View, observation: Observation, reason: Reason, detail: str) -> Write:
    """Failed: the batch succeeded, but its results cannot be put where they should go."""
    status = view.revise(
        _last_look(view, observation.summary), state=State.FAILED, output=at_google(observation)
    )
    return _failed(view, status, reason, detail)


def _ended_badly(view: View, summary: Summary) -> Write:
    """Suspended, or tried again, where that was asked for; failed otherwise."""
    why = cancellation.cause(view)
    if summary.outcome is Outcome.CANCELLED:
        return _cancelled(view, summary, why)
    if why is Cause.SUSPENSION and retries.allowed(view):
        _, reason = ENDS[summary.outcome]
        write = suspension.ended(view, reason)
        return replace(write, status=_counting(view, write.status))
    return _broken(view, summary, again=why is None and retries.allowed(view))


def _cancelled(view: View, summary: Summary, why: Cause | None) -> Write:
    if why is Cause.SUSPENSION:
        return suspension.ended(view, Reason.SUSPENDED)
    state, reason = ENDS[summary.outcome]
    if why is Cause.DEADLINE:
        state, reason = State.FAILED, Reason.DEADLINE_EXCEEDED
    status = view.revise(_last_look(view, summary), state=state)
    return _failed(view, status, reason, summary.error or "")


def _broken(view: View, summary: Summary, *, again: bool) -> Write:
    (state, reason), detail = ENDS[summary.outcome], summary.error or ""
    if again:
        return retries.again(view, reason, detail)
    if view.job.spec.backoff_limit > 0 and not retries.allowed(view):
        detail = f"The last end: {reason.explain(detail)}"
        reason = Reason.BACKOFF_LIMIT_EXCEEDED
    status = _counting(view, view.revise(_last_look(view, summary), state=state))
    return _failed(view, status, reason, detail)


def _counting(view: View, status: Status) -> Status:
    """`status` with one more failure, counted in the write that records it (rule P15)."""
    return view.revise(status, failures=view.status.failures + 1)


def _failed(view: View, status: Status, reason: Reason, detail: str) -> Write:
    message = reason.explain(detail)
    status = ended(view.condition(status, FAILED, True, reason, message))
    return Write(status, (Event(reason, message, warning=True),))


def _last_look(view: View, summary: Summary) -> Status:
    event = view.status.last_event
    return view.revise(
        stuck.told(view, view.status, summary),
        gemini_state=summary.state,
        requests=requests_of(summary) or view.status.requests,
        completion_time=view.now,
        observed_event_id=event.id if event else view.status.observed_event_id,
        observed_request=refresh.pending(view) or view.status.observed_request,
    )


def _counted(view: View, observation: Observation) -> Requests | None:
    """Google's counts, or our own count of inline results where Google gives none."""
    counts = requests_of(observation.summary)
    results = observation.inline_results
    if counts is not None or results is None:
        return counts or view.status.requests
    failed = sum("error" in result for result in results)
    return Requests(total=len(results), succeeded=len(results) - failed, failed=failed, pending=0)


def _tally(requests: Requests | None, output: OutputStatus) -> str:
    place = next(
        f"{what} {name}"
        for what, name in (
            ("ConfigMap", output.config_map),
            ("object", output.uri),
            ("file", output.file_name),
            ("batch", output.batch_name),
        )
        if name
    )
    if requests is None:
        return f"Results: {place}."
    return f"{requests.succeeded} of {requests.total} requests succeeded. Results: {place}."
