"""Completion: how a job ends when its batch has ended (P24; tables in docs/lifecycle.md)."""

from dataclasses import replace

from gemini_operator.api.conditions import COMPLETE
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import OutputStatus, Requests, Status
from gemini_operator.controller.lifecycle import cancellation, refresh, retries, suspension
from gemini_operator.controller.lifecycle.cancellation import Cause
from gemini_operator.controller.lifecycle.decisions import Decision, Deliver, Event, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import (
    ended,
    ended_as_failed,
    requests_of,
    with_submitted_since,
)
from gemini_operator.gemini.remote import Observation, Outcome, Summary

# Cancelled is not here: its state and reason depend on who cancelled the batch, and why.
BAD_ENDS = {
    Outcome.FAILED: (State.FAILED, Reason.REMOTE_FAILED),
    Outcome.EXPIRED: (State.EXPIRED, Reason.REMOTE_EXPIRED),
}


def decide(snapshot: Snapshot, observation: Observation) -> Decision:
    """End a job whose batch has ended; deliver the results first if the spec has an output."""
    if observation.summary.outcome != Outcome.SUCCEEDED:
        return _ended_badly(snapshot, observation.summary)
    if snapshot.job.spec.output is not None:
        return Deliver(observation)
    return delivered(snapshot, observation, at_google(observation))


def at_google(observation: Observation) -> OutputStatus:
    """Return the reference to results that stay at Google: a file, or the batch itself."""
    if observation.results_file is not None:
        return OutputStatus(file_name=observation.results_file)
    return OutputStatus(batch_name=observation.summary.name)


def delivered(snapshot: Snapshot, observation: Observation, output: OutputStatus) -> PatchStatus:
    """Complete the job, whose results are delivered.

    State, counts, output and condition are one write: no reader sees an end without its results.
    """
    requests = _counted(snapshot, observation)
    failed = requests.failed if requests else 0
    reason = Reason.COMPLETED_WITH_FAILURES if failed else Reason.SUCCEEDED
    status = snapshot.revise(
        _last_look(snapshot, observation.summary),
        state=State.PARTIALLY_SUCCEEDED if failed else State.SUCCEEDED,
        requests=requests,
        output=output,
    )
    message = reason.explain(_tally(requests, output))
    status = ended(snapshot.condition(status, COMPLETE, True, reason, message))
    return PatchStatus(status, (Event(reason, message, warning=bool(failed)),))


def somebody_elses(snapshot: Snapshot, observation: Observation) -> PatchStatus:
    """Fail the job because another job has its batch."""
    status = snapshot.revise(_last_look(snapshot, observation.summary), state=State.FAILED)
    return ended_as_failed(snapshot, status, Reason.ALREADY_ADOPTED, Reason.ALREADY_ADOPTED.message)


def undeliverable(
    snapshot: Snapshot, observation: Observation, reason: Reason, detail: str
) -> PatchStatus:
    """Fail the job because the results of its successful batch cannot be delivered.

    The output refers to the results at Google, so that the user can still fetch what was paid for.
    """
    status = snapshot.revise(
        _last_look(snapshot, observation.summary), state=State.FAILED, output=at_google(observation)
    )
    return ended_as_failed(snapshot, status, reason, reason.explain(detail))


def _ended_badly(snapshot: Snapshot, summary: Summary) -> PatchStatus:
    """Suspend, retry or fail a job whose batch ended without success."""
    why = cancellation.cause(snapshot)
    if summary.outcome is Outcome.CANCELLED:
        return _cancelled(snapshot, summary, why)
    # The batch failed before the cancel reached it. The failure counts, but the suspension decides
    # when, and whether, the next batch is submitted.
    if why is Cause.SUSPENSION and retries.allowed(snapshot):
        _, reason = BAD_ENDS[summary.outcome]
        write = suspension.ended(snapshot, reason)
        return replace(write, status=_counting(snapshot, write.status))
    return _broken(snapshot, summary, again=why is None and retries.allowed(snapshot))


def _cancelled(snapshot: Snapshot, summary: Summary, why: Cause | None) -> PatchStatus:
    if why is Cause.SUSPENSION:
        return suspension.ended(snapshot, Reason.SUSPENDED)
    # Without a cause of ours a user cancelled the batch at Google, which counts as a shutdown.
    state, reason = (why or Cause.SHUTDOWN).end
    status = snapshot.revise(_last_look(snapshot, summary), state=state)
    return ended_as_failed(snapshot, status, reason, reason.explain(summary.error or ""))


def _broken(snapshot: Snapshot, summary: Summary, *, again: bool) -> PatchStatus:
    (state, reason), detail = BAD_ENDS[summary.outcome], summary.error or ""
    if again:
        return retries.again(snapshot, reason, detail)
    if snapshot.job.spec.backoff_limit > 0 and not retries.allowed(snapshot):
        detail = f"The last batch: {reason.explain(detail)}"
        reason = Reason.BACKOFF_LIMIT_EXCEEDED
    status = _counting(snapshot, snapshot.revise(_last_look(snapshot, summary), state=state))
    return ended_as_failed(snapshot, status, reason, reason.explain(detail))


def _counting(snapshot: Snapshot, status: Status) -> Status:
    """Return `status` with one more failure, counted in the write that records the end (P15)."""
    return snapshot.revise(status, failures=snapshot.status.failures + 1)


def _last_look(snapshot: Snapshot, summary: Summary) -> Status:
    event = snapshot.status.last_event
    # An ended job is not read again, so its last event and its read request are acknowledged now.
    return snapshot.revise(
        with_submitted_since(snapshot, snapshot.status, summary),
        gemini_state=summary.state,
        requests=requests_of(summary) or snapshot.status.requests,
        completion_time=snapshot.now,
        observed_event_id=event.id if event else snapshot.status.observed_event_id,
        observed_request=refresh.pending(snapshot) or snapshot.status.observed_request,
    )


def _counted(snapshot: Snapshot, observation: Observation) -> Requests | None:
    """Return Google's counts; if Google gives none, count the inline results."""
    counts = requests_of(observation.summary)
    results = observation.inline_results
    if counts is not None or results is None:
        return counts or snapshot.status.requests
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
