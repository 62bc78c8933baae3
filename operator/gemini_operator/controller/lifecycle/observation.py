"""When to read the batch, and what a look at it changes (rules P17, P18, P20)."""

from datetime import timedelta

from gemini_operator.api import names
from gemini_operator.api.conditions import FAILED, STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import LastEvent, Status
from gemini_operator.controller.facts import EVENT_REREADS, ListSnapshot
from gemini_operator.controller.lifecycle import (
    cancellation,
    completion,
    refresh,
    resolution,
    search,
    stuck,
)
from gemini_operator.controller.lifecycle.credentials import ended, healed, stalled
from gemini_operator.controller.lifecycle.ownership import carries_token, owns
from gemini_operator.controller.lifecycle.refresh import acknowledged
from gemini_operator.controller.lifecycle.submission import STATES, requests_of
from gemini_operator.controller.lifecycle.view import (
    Decision,
    Event,
    Gone,
    Name,
    Remote,
    Search,
    Seen,
    Unreadable,
    View,
    Wait,
    Write,
)
from gemini_operator.gemini.errors import CredentialsRejected, TooLarge
from gemini_operator.gemini.remote import ENDS, Observation, Summary, outcome_of

ABSENT_SWEEPS = 2

# Times in a status are cut to it.
WHOLE_SECOND = timedelta(seconds=1)

# Seconds between listings while the batch itself is too large to be read.
LISTING_PAUSE = 30.0
TERMINAL_EVENTS = frozenset(
    {None, "batch.succeeded", "batch.failed", "batch.cancelled", "batch.expired"}
)


def wanted(view: View) -> str | None:
    """The batch that this pass has a reason to read."""
    if view.job.deleting or view.job.finished or view.status.attempt is None:
        return None
    name = view.status.attempt.batch_name
    if name is None:
        return resolution.chosen_batch(view) or _named_by_event(view)
    return name if _has_reason(view) else None


def _has_reason(view: View) -> bool:
    snapshot = view.facts.snapshot
    listed = snapshot is not None and snapshot.current is not None and snapshot.current.terminal
    ended = listed or outcome_of(view.status.gemini_state or "") in ENDS
    asked = refresh.pending(view) is not None or cancellation.read_due(view)
    unlisted = view.facts.missed_lists >= ABSENT_SWEEPS or view.facts.no_list
    return ended or unlisted or asked or _wait_for_event(view) == 0.0


def _named_by_event(view: View) -> str | None:
    """A callback may supply a lost name, which the read then confirms (rule P17)."""
    attempt, event = view.status.attempt, view.status.last_event
    if attempt is None or event is None or event.attempt != attempt.id:
        return None
    if not names.matches(names.BATCH_NAME, event.remote_name):
        return None
    return None if event.remote_name in view.facts.not_ours else event.remote_name


def confirmed(view: View, summary: Summary) -> bool:
    """Whether a batch that was read is the current attempt's, by token, model and time (S6)."""
    attempt = view.status.attempt
    if attempt is None or not carries_token(view.job, summary, attempt.id):
        return False
    return search.mismatch(view, attempt, summary) is None


def pending_event(view: View) -> LastEvent | None:
    """The event that has not been acted on, if there is one."""
    event = view.status.last_event
    return event if event and event.id != view.status.observed_event_id else None


def _wait_for_event(view: View) -> float | None:
    """Seconds until the pending event wants a read; 0 for now, `None` without one."""
    event, reads = pending_event(view), view.facts.event
    if event is None:
        return None
    if reads is None or reads.event_id != event.id:
        return 0.0
    return max(0.0, reads.due - view.monotonic)


def decide(view: View, remote: Remote | None) -> Decision | None:
    """What the batch, or the last listing of it, says about the job."""
    decision = _decide(view, remote)
    return decision if remote is None or decision is None else acknowledged(view, decision)


def _decide(view: View, remote: Remote | None) -> Decision | None:
    attempt = view.status.attempt
    if attempt is None:
        return None
    if attempt.batch_name is None:
        if isinstance(remote, Seen) and confirmed(view, remote.summary):
            return Name(remote.summary)
        return None
    match remote:
        case Seen():
            return _seen(view, remote)
        case Gone(same_key):
            return _gone(view, same_key)
        case Unreadable(CredentialsRejected() as error):
            return stalled(view, Reason.CREDENTIALS_REJECTED, str(error), 60.0)
        case Unreadable(TooLarge()):
            return _too_large(view)
        case _:
            return _by_listing(view)


def _too_large(view: View) -> Decision:
    """Results that are too big to read: the listing, which carries none, tells the rest."""
    snapshot = view.facts.snapshot
    if snapshot is None or snapshot.current is None or not snapshot.current.terminal:
        return Search(max(0.0, view.facts.listed + LISTING_PAUSE - view.monotonic))
    return completion.decide(view, Observation(snapshot.current, too_large=True))


def _seen(view: View, remote: Seen) -> Decision:
    if not owns(view.job, remote.summary):
        return search.ambiguous(
            view, f"status.batchName names {remote.summary.name}, which is not this job's batch."
        )
    if remote.summary.terminal:
        return completion.decide(view, remote.observation)
    status = _looked_at(view, remote.summary, is_news=True)
    if not _event_done(view):
        return _write_or_wait(view, status, _wait_for_event(view))
    event = pending_event(view)
    if event is not None:
        status = view.revise(status, observed_event_id=event.id)
    return _write_or_wait(view, status, None)


def _event_done(view: View) -> bool:
    """Whether the pending event has had all its reads, this one included."""
    event, reads = pending_event(view), view.facts.event
    if event is None or reads is None or not _tells_of_an_end(view, event):
        return True
    return reads.reads > len(EVENT_REREADS)


def _tells_of_an_end(view: View, event: LastEvent) -> bool:
    """Whether the job's batch is about to end, by what the event says or leaves open."""
    mine = event.remote_name in (None, view.status.batch_name)
    return mine and event.type in TERMINAL_EVENTS


def _by_listing(view: View) -> Decision:
    snapshot = view.facts.snapshot
    if snapshot is None or snapshot.current is None:
        return Wait(_wait_for_event(view))
    status = _looked_at(view, snapshot.current, is_news=_is_news(view, snapshot))
    return _write_or_wait(view, status, _wait_for_event(view))


def _is_news(view: View, snapshot: ListSnapshot) -> bool:
    """Whether the listing began after the last trouble: an older one neither ends nor hides it."""
    trouble = find(view.status.conditions, STALLED)
    if trouble is None:
        return True
    begun = view.now - timedelta(seconds=view.monotonic - snapshot.begun)
    return begun >= trouble.last_transition_time + WHOLE_SECOND


def _looked_at(view: View, summary: Summary, *, is_news: bool) -> Status:
    status = view.revise(
        gemini_state=summary.state,
        requests=requests_of(summary) or view.status.requests,
        state=cancellation.shown(view, STATES.get(summary.outcome, view.status.state)),
    )
    status = stuck.told(view, status, summary)
    return healed(stuck.shown(view, status, summary)) if is_news else status


def _write_or_wait(view: View, status: Status, seconds: float | None) -> Decision:
    """After a write the job is looked at again: there may be more to do than to wait."""
    return Wait(seconds) if status == view.status else Write(status)


def _gone(view: View, same_key: bool) -> Decision:
    reason = Reason.REMOTE_NOT_FOUND if same_key else Reason.KEY_CHANGED
    message = reason.explain(f"It was {view.status.batch_name}.")
    event = Event(reason, message, warning=True)
    if not same_key:
        status = view.condition(view.status, STALLED, True, reason, message)
        return Wait() if status == view.status else Write(status, (event,))
    status = view.revise(state=State.FAILED, completion_time=view.now)
    status = ended(view.condition(status, FAILED, True, reason, message))
    return Write(status, (event,))
