"""When to read the batch, and what a read or a list of it changes (P17, P18, P20)."""

from datetime import timedelta

from gemini_operator.api import names
from gemini_operator.api.conditions import STALLED, SUBMITTED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import LastEvent, Status
from gemini_operator.controller.lifecycle import (
    cancellation,
    completion,
    credentials,
    pauses,
    refresh,
    resolution,
    stuck,
)
from gemini_operator.controller.lifecycle.attempts import ambiguous, mismatch
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.ownership import carries_token, owns
from gemini_operator.controller.lifecycle.refresh import acknowledged
from gemini_operator.controller.lifecycle.snapshot import (
    Gone,
    Remote,
    Seen,
    Snapshot,
    Unanswered,
    Unreadable,
)
from gemini_operator.controller.lifecycle.status import (
    STATES,
    ended_as_failed,
    healed,
    is_stalled_for,
    requests_of,
    with_cancelling,
    with_submitted_since,
)
from gemini_operator.controller.memory import EVENT_REREADS, ListSnapshot
from gemini_operator.gemini.errors import CredentialsRejected, TooLarge
from gemini_operator.gemini.remote import ENDS, Observation, Summary, outcome_of

# Complete lists in a row without the batch after which the batch is read: one list may miss it, and
# only the read's 404 proves that it is gone.
ABSENT_SWEEPS = 2

# Times in a status have no fractions of a second.
WHOLE_SECOND = timedelta(seconds=1)

# Seconds until a batch of another API key is read again: an eighth of the time that has passed.
KEY_SOONEST, KEY_LATEST = 5.0, 60.0

# Seconds between lists while the batch itself is too large to be read.
LISTING_PAUSE = 30.0
# Events that announce an end. An event without a type may be one too.
TERMINAL_EVENTS = frozenset(
    {None, "batch.succeeded", "batch.failed", "batch.cancelled", "batch.expired"}
)


def wanted(snapshot: Snapshot) -> str | None:
    """Return the name of the batch to read in this reconcile; `None` without a reason to read."""
    if snapshot.job.deleting or snapshot.job.finished or snapshot.status.attempt is None:
        return None
    name = snapshot.status.attempt.batch_name
    if name is None:
        return resolution.chosen_batch(snapshot) or _named_by_event(snapshot)
    return name if _has_reason(snapshot) else None


def _has_reason(snapshot: Snapshot) -> bool:
    list_snapshot = snapshot.facts.list_snapshot
    listed = (
        list_snapshot is not None
        and list_snapshot.current is not None
        and list_snapshot.current.terminal
    )
    # An end is only acted on after a read: lists carry no results, and a crash may have come
    # between the write of an ended state and the end of the job.
    ended = listed or outcome_of(snapshot.status.gemini_state or "") in ENDS
    asked = refresh.pending(snapshot) is not None or cancellation.read_due(snapshot)
    # With another API key one list is enough: the key may be of another project.
    enough = 1 if snapshot.facts.key_differs else ABSENT_SWEEPS
    unlisted = snapshot.facts.missed_lists >= enough or snapshot.facts.no_list
    unlisted = unlisted or is_stalled_for(snapshot, Reason.KEY_CHANGED)
    return ended or unlisted or asked or _wait_for_event(snapshot) == 0.0


def _named_by_event(snapshot: Snapshot) -> str | None:
    """Return the batch that the current attempt's event names, unless a read has disproved it.

    Anybody who knows the job's callback address can send such an event, so the name is recorded
    only after a read has confirmed it (P17).
    """
    attempt, event = snapshot.status.attempt, snapshot.status.last_event
    if attempt is None or event is None or event.attempt != attempt.id:
        return None
    if not names.matches(names.BATCH_NAME, event.remote_name):
        return None
    return None if event.remote_name in snapshot.facts.not_ours else event.remote_name


def confirmed(snapshot: Snapshot, summary: Summary) -> bool:
    """Return whether a batch is the current attempt's, by token, model and time (S6)."""
    attempt = snapshot.status.attempt
    if attempt is None or not carries_token(snapshot.job, summary, attempt.id):
        return False
    return mismatch(snapshot, attempt, summary) is None


def pending_event(snapshot: Snapshot) -> LastEvent | None:
    """Return the last event if it has not been acted on."""
    event = snapshot.status.last_event
    return event if event and event.id != snapshot.status.observed_event_id else None


def _wait_for_event(snapshot: Snapshot) -> float | None:
    """Return the seconds until the read for the pending event; 0 for now, `None` without event."""
    event, reads = pending_event(snapshot), snapshot.facts.event
    if event is None:
        return None
    if reads is None or reads.event_id != event.id:
        return 0.0
    return max(0.0, reads.due - snapshot.monotonic)


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """Decide by the batch that was read, or else by the last list.

    Args:
        snapshot: the job.
        remote: the result of the read; `None` if the batch was not read.
    """
    decision = _decide(snapshot, remote)
    unread = remote is None or isinstance(remote, Unanswered)
    return decision if unread or decision is None else acknowledged(snapshot, decision)


def _decide(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    attempt = snapshot.status.attempt
    if attempt is None:
        return None
    if attempt.batch_name is None:
        if isinstance(remote, Seen) and confirmed(snapshot, remote.summary):
            return RecordBatchName(remote.summary)
        return None
    match remote:
        case Seen():
            return _seen(snapshot, remote)
        case Gone(same_key):
            return _gone(snapshot, same_key)
        case Unreadable(CredentialsRejected() as error):
            return credentials.unusable(snapshot, Reason.CREDENTIALS_REJECTED, str(error), 60.0)
        case Unreadable(TooLarge()):
            return _too_large(snapshot)
        case _:
            return _by_listing(snapshot)


def _too_large(snapshot: Snapshot) -> Decision:
    """Follow a batch whose results are too large to read in Google's list, which has no results."""
    list_snapshot = snapshot.facts.list_snapshot
    if list_snapshot is None or list_snapshot.current is None or not list_snapshot.current.terminal:
        return ListRemote(max(0.0, snapshot.facts.listed + LISTING_PAUSE - snapshot.monotonic))
    return completion.decide(snapshot, Observation(list_snapshot.current, too_large=True))


def _seen(snapshot: Snapshot, remote: Seen) -> Decision:
    if not owns(snapshot.job, remote.summary):
        return ambiguous(
            snapshot,
            f"status.batchName names {remote.summary.name}, which is not this job's batch.",
        )
    if remote.summary.terminal:
        return completion.decide(snapshot, remote.observation)
    status = _looked_at(snapshot, remote.summary, is_news=True)
    # The event says that the batch ended, the read says it has not: Google's state lags behind its
    # webhook. The event stays pending, and the batch is read again (P18).
    if not _event_done(snapshot):
        return _write_or_wait(snapshot, status, _wait_for_event(snapshot))
    event = pending_event(snapshot)
    if event is not None:
        status = snapshot.revise(status, observed_event_id=event.id)
    return _write_or_wait(snapshot, status, None)


def _event_done(snapshot: Snapshot) -> bool:
    """Return whether the pending event needs no further read after this one."""
    event, reads = pending_event(snapshot), snapshot.facts.event
    if event is None or reads is None or not _tells_of_an_end(snapshot, event):
        return True
    return reads.reads > len(EVENT_REREADS)


def _tells_of_an_end(snapshot: Snapshot, event: LastEvent) -> bool:
    """Return whether the event may announce the end of the job's batch."""
    mine = event.remote_name in (None, snapshot.status.batch_name)
    return mine and event.type in TERMINAL_EVENTS


def _by_listing(snapshot: Snapshot) -> Decision:
    list_snapshot = snapshot.facts.list_snapshot
    if list_snapshot is None or list_snapshot.current is None:
        return RequeueAfter(_wait_for_event(snapshot))
    status = _looked_at(snapshot, list_snapshot.current, is_news=_is_news(snapshot, list_snapshot))
    return _write_or_wait(snapshot, status, _wait_for_event(snapshot))


def _is_news(snapshot: Snapshot, list_snapshot: ListSnapshot) -> bool:
    """Return whether the list began after the job stalled, so that it may clear `Stalled`."""
    # A list that works clears this fact, so the last one that worked is older.
    if snapshot.facts.key_problem is not None:
        return False
    trouble = find(snapshot.status.conditions, STALLED)
    if trouble is None:
        return True
    # The list's start is monotonic, the condition's time is wall-clock time.
    begun = snapshot.now - timedelta(seconds=snapshot.monotonic - list_snapshot.begun)
    return begun >= trouble.last_transition_time + WHOLE_SECOND


def _looked_at(snapshot: Snapshot, summary: Summary, *, is_news: bool) -> Status:
    status = snapshot.revise(
        gemini_state=summary.state,
        requests=requests_of(summary) or snapshot.status.requests,
        state=with_cancelling(snapshot, STATES.get(summary.outcome, snapshot.status.state)),
    )
    status = with_submitted_since(snapshot, status, summary)
    return healed(stuck.with_stuck(snapshot, status, summary)) if is_news else status


def _write_or_wait(snapshot: Snapshot, status: Status, seconds: float | None) -> Decision:
    """Write `status`, or wait if nothing changed. A write is followed by a reconcile at once."""
    return RequeueAfter(seconds) if status == snapshot.status else PatchStatus(status)


def _gone(snapshot: Snapshot, same_key: bool) -> Decision:
    # With another key a 404 may mean another project, so the job waits for the old key (S11).
    if not same_key:
        return _key_changed(snapshot)
    reason = Reason.REMOTE_NOT_FOUND
    message = reason.explain(f"Batch: {snapshot.status.batch_name}.")
    # A batch that is gone is not submitted again: a user deleted it, and it may be billed already.
    status = snapshot.revise(
        state=State.FAILED, completion_time=snapshot.now, gemini_state=None, requests=None
    )
    # What Google said of it last is over.
    said = Reason.SUBMITTED.explain(f"Batch: {snapshot.status.batch_name}.")
    status = snapshot.condition(status, SUBMITTED, True, Reason.SUBMITTED, said)
    return ended_as_failed(snapshot, status, reason, message)


def _key_changed(snapshot: Snapshot) -> Decision:
    reason = Reason.KEY_CHANGED
    message = reason.explain(
        f"{credentials.secret_of(snapshot.job)}. Batch: {snapshot.status.batch_name}."
    )
    status = snapshot.condition(snapshot.status, STALLED, True, reason, message)
    waited = snapshot.waited_for(STALLED)
    seconds = pauses.growing(waited, part=8, soonest=KEY_SOONEST, latest=KEY_LATEST)
    if status == snapshot.status:
        return RequeueAfter(seconds)
    return PatchStatus(status, (Event(reason, message, warning=True),), seconds)
