"""Completion: how a job ends when its batch has ended (P24; tables in docs/lifecycle.md)."""

from dataclasses import replace
from datetime import timedelta

from gemini_operator.api.conditions import COMPLETE, STALLED, find, find_reason, without_condition
from gemini_operator.api.reasons import Reason, in_order
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import OutputStatus, Status
from gemini_operator.controller.lifecycle import (
    cancellation,
    pauses,
    refresh,
    retries,
    suspension,
)
from gemini_operator.controller.lifecycle.cancellation import Cause
from gemini_operator.controller.lifecycle.decisions import Decision, Deliver, Event, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import (
    HEALED_BY_AN_ANSWER,
    ended,
    ended_as_failed,
    requests_of,
    stalled,
    with_submitted_since,
    without_stalled,
)
from gemini_operator.controller.lifecycle.tally import (
    Tally,
    googles_count,
    in_words,
    reason_of,
)
from gemini_operator.gemini.remote import Observation, Outcome, Summary

# Cancelled is not here: its state and reason depend on who cancelled the batch, and why.
BAD_ENDS = {
    Outcome.FAILED: (State.FAILED, Reason.REMOTE_FAILED),
    Outcome.EXPIRED: (State.EXPIRED, Reason.REMOTE_EXPIRED),
}

OVER_AT_THE_END = (HEALED_BY_AN_ANSWER | {Reason.REMOTE_STUCK}) - {
    Reason.INTERNAL,
    Reason.OUTPUT_REFUSED,
}
"""Problems that are over once Google has shown the end of the batch. How the delivery ends shows about
the others; it may take hours."""

WAITS = (
    "The batch has ended, and its results wait to be copied to the output; a few inputs and results are "
    "copied at a time. There is nothing to do."
)

SOMEBODY = "Somebody cancelled the batch at Google."

# Seconds after the first look without results at which a batch that succeeded has none.
PATIENCE = timedelta(hours=1)

# Seconds between two such looks: a part of the time that has passed, within these bounds.
SOONEST, LATEST = 5.0, 300.0


def decide(snapshot: Snapshot, observation: Observation) -> Decision:
    """End a job whose batch has ended; what results there are is counted and delivered first."""
    if observation.summary.outcome is Outcome.SUCCEEDED:
        return Deliver(observation)
    write = _ended_badly(snapshot, observation.summary)
    over = write.status.completion_time is not None
    return Deliver(observation) if over and observation.has_results else write


def at_google(observation: Observation) -> OutputStatus:
    """Return the reference to results that stay at Google: a file, or the batch itself."""
    if observation.results_file is not None:
        return OutputStatus(file_name=observation.results_file)
    return OutputStatus(batch_name=observation.summary.name)


def delivered(
    snapshot: Snapshot,
    observation: Observation,
    output: OutputStatus,
    tally: Tally | None,
    problem: str = "",
) -> PatchStatus:
    """End the job: its results are in their place. One write does it.

    `tally` is `None` for results that were not read; then Google's own counts are shown. `problem`
    is why partial results are not where they should be.
    """
    if observation.summary.outcome is not Outcome.SUCCEEDED:
        return _with_partial_results(snapshot, observation, output, tally, problem)
    tally = tally or googles_count(snapshot, observation)
    requests = tally.requests if tally else snapshot.status.requests
    reason = reason_of(observation, tally)
    message = reason.explain(in_words(observation, output, tally))
    over = snapshot.revise(
        _last_look(snapshot, observation.summary), requests=requests, output=output
    )
    if reason is Reason.ALL_REQUESTS_FAILED:
        return ended_as_failed(snapshot, snapshot.revise(over, state=State.FAILED), reason, message)
    failed = requests.failed if requests else 0
    state = State.PARTIALLY_SUCCEEDED if failed else State.SUCCEEDED
    over = snapshot.revise(over, state=state)
    status = ended(snapshot.condition(over, COMPLETE, True, reason, message))
    return PatchStatus(status, (Event(reason, message, warning=reason is not Reason.SUCCEEDED),))


def late(
    snapshot: Snapshot, observation: Observation, problem: str, *, ends: bool = True
) -> PatchStatus | None:
    """Report that Google does not show the results yet, and look again.

    `ends`: give up after an hour, and return `None` then.
    """
    message = Reason.WAITING_FOR_RESULTS.explain(problem)
    return _late(snapshot, observation, message, ends=ends)


def _late(
    snapshot: Snapshot, observation: Observation, message: str, *, ends: bool
) -> PatchStatus | None:
    reason = Reason.WAITING_FOR_RESULTS
    known = snapshot.facts.late_since is not None or _is_late(snapshot)
    waited = _late_for(snapshot)
    if ends and waited >= PATIENCE.total_seconds():
        return None
    status = _refreshed(snapshot, observation.summary)
    status = snapshot.revise(status, state=State.DELIVERING)
    if not known:
        # Its time is when the results were found to be late, and not when their copy had to wait.
        status = _not_complete(snapshot, status)
    status = snapshot.condition(status, COMPLETE, False, reason, message)
    event = Event(reason, message, warning=True)
    seconds = pauses.growing(waited, part=4, soonest=SOONEST, latest=LATEST)
    return PatchStatus(status, () if known else (event,), seconds)


def partly_late(snapshot: Snapshot, observation: Observation, problem: str) -> PatchStatus | None:
    """Report that the results of a batch that ended badly cannot be delivered yet, and try again.

    Return `None` after an hour: the job has ended badly in any case.
    """
    message = in_order(
        "The batch has ended, and what Google has of its results cannot be delivered yet.",
        problem,
        "The operator retries; if this lasts for an hour, they stay at Google and the job ends.",
    )
    return _late(snapshot, observation, message, ends=True)


def delivering(
    snapshot: Snapshot, observation: Observation, moved: int | None, seconds: float
) -> PatchStatus:
    """Report that the results are being copied; look again in `seconds`.

    `moved`: bytes so far; `None` if the copy waits for its turn.
    """
    reason = Reason.DELIVERING
    status = _refreshed(snapshot, observation.summary)
    status = snapshot.revise(status, state=State.DELIVERING)
    if not moved and (_is_late(snapshot) or find(status.conditions, STALLED)):
        # Until some have come, it may end as the last time. Each try would be two writes.
        return PatchStatus(status, seconds=seconds)
    message = WAITS if moved is None else reason.explain(f"So far: {moved} bytes.")
    return PatchStatus(
        snapshot.condition(status, COMPLETE, False, reason, message), seconds=seconds
    )


def refused(
    snapshot: Snapshot, observation: Observation, problem: str, seconds: float | None = None
) -> PatchStatus:
    """Stall the job until its output can be written; its results are at Google.

    `seconds`: until the next try; `None` for soon, and later and later.
    """
    status = _refreshed(snapshot, observation.summary)
    # That the results were late is over.
    snapshot.facts.late_since = None
    status = _not_complete(snapshot, snapshot.revise(status, state=State.DELIVERING))
    return stalled(snapshot.with_status(status), Reason.OUTPUT_REFUSED, problem, seconds)


def somebody_elses(snapshot: Snapshot, observation: Observation) -> PatchStatus:
    """Fail the job because another job has its batch."""
    status = snapshot.revise(_last_look(snapshot, observation.summary), state=State.FAILED)
    return ended_as_failed(snapshot, status, Reason.ALREADY_ADOPTED, Reason.ALREADY_ADOPTED.message)


def undeliverable(
    snapshot: Snapshot,
    observation: Observation,
    reason: Reason,
    detail: str,
    *,
    message: str | None = None,
) -> PatchStatus:
    """Fail the job because the results of its successful batch cannot be delivered.

    The output refers to the results at Google, so that the user can still fetch what was paid for.
    `message` replaces the reason's message and `detail`.
    """
    status = snapshot.revise(
        _last_look(snapshot, observation.summary), state=State.FAILED, output=at_google(observation)
    )
    detail = f"{detail} {_for_adoption(snapshot, observation)}"
    return ended_as_failed(snapshot, status, reason, message or reason.explain(detail))


def never_shown(snapshot: Snapshot, observation: Observation, problem: str) -> PatchStatus:
    """Fail the job because Google has shown no results for an hour."""
    message = in_order(
        "Google reports that the batch succeeded, but has not shown its results for an hour.",
        f"{problem} {_for_adoption(snapshot, observation)}",
        "Look at the batch at Google. If its results appear, create a job whose spec.adopt has this "
        "batch as batchName and this job's uid as previousUID.",
    )
    return undeliverable(snapshot, observation, Reason.DELIVERY_FAILED, "", message=message)


def _for_adoption(snapshot: Snapshot, observation: Observation) -> str:
    """Give what a job that adopts the batch has to name."""
    return f"The batch is {observation.summary.name}, and this job's uid is {snapshot.job.uid}."


def _late_for(snapshot: Snapshot) -> float:
    """Return the seconds since the first look that showed no results."""
    facts = snapshot.facts
    if facts.late_since is None:
        # After a restart the condition tells, if it is about that.
        waited = snapshot.waited_for(COMPLETE) if _is_late(snapshot) else 0.0
        facts.late_since = snapshot.monotonic - waited
    return snapshot.monotonic - facts.late_since


def _is_late(snapshot: Snapshot) -> bool:
    return find_reason(snapshot.status.conditions, COMPLETE) == Reason.WAITING_FOR_RESULTS


def _not_complete(snapshot: Snapshot, status: Status) -> Status:
    return snapshot.revise(status, conditions=tuple(without_condition(status.conditions, COMPLETE)))


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
    # Of a batch that we cancelled, Google's error says only that it was cancelled.
    detail = f"{SOMEBODY} {summary.error or ''}".strip() if why is None else why.said(snapshot)
    return ended_as_failed(snapshot, status, reason, reason.explain(detail))


def _broken(snapshot: Snapshot, summary: Summary, *, again: bool) -> PatchStatus:
    (state, reason), detail = BAD_ENDS[summary.outcome], summary.error or ""
    if again:
        return retries.again(snapshot, reason, detail)
    if snapshot.job.spec.backoff_limit > 0 and not retries.allowed(snapshot):
        detail = f"The last one: {reason.value}. {detail}".rstrip()
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
        _refreshed(snapshot, summary),
        completion_time=snapshot.now,
        observed_event_id=event.id if event else snapshot.status.observed_event_id,
        observed_request=refresh.pending(snapshot) or snapshot.status.observed_request,
    )


def _refreshed(snapshot: Snapshot, summary: Summary) -> Status:
    status = with_submitted_since(snapshot, snapshot.status, summary)
    return snapshot.revise(
        without_stalled(status, OVER_AT_THE_END),
        gemini_state=summary.state,
        requests=requests_of(summary) or snapshot.status.requests,
    )


def _with_partial_results(
    snapshot: Snapshot,
    observation: Observation,
    output: OutputStatus,
    tally: Tally | None,
    problem: str,
) -> PatchStatus:
    """The bad end of a batch of which some results are there, and paid for."""
    write = _ended_badly(snapshot, observation.summary)
    requests = tally.requests if tally else write.status.requests
    status = snapshot.revise(write.status, output=output, requests=requests)
    [event] = write.events
    words = f"{event.note} Partial results: {in_words(observation, output, tally)}"
    if problem:
        words += f" They could not be delivered: {problem}"
    return ended_as_failed(snapshot, status, event.reason, words)
