"""The object is going: settle what may be at Google, then let it go (rules P21, P22)."""

from dataclasses import replace
from datetime import timedelta

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.attempts import (
    Doubtful,
    Found,
    Nowhere,
    open_attempts,
    verdict,
)
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    DeleteRemote,
    Event,
    ListRemote,
    PatchStatus,
    RemoveFinalizer,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import ListSnapshot

# Seconds for which a deletion tries to learn what is at Google before it gives up.
PATIENCE = 120.0

# Google ends every batch within 48 hours: after that nothing is left that could be billed.
HOPELESS = timedelta(hours=49)

# Seconds between listings for attempts that were given up.
PAUSE = 5.0


def decide(snapshot: Snapshot) -> Decision | None:
    """Cancel and delete the batches of a deleted job, or leave them with `Orphan`."""
    if not snapshot.job.deleting:
        return None
    if not snapshot.job.has_finalizer:
        return RequeueAfter()
    if snapshot.job.spec.deletion_policy == "Orphan":
        return RemoveFinalizer(_orphaned(snapshot))
    if _undelivered(snapshot) and snapshot.job.spec.deletion_policy is None:
        reason = Reason.RESULTS_KEPT
        return RemoveFinalizer(Event(reason, reason.explain(_place(snapshot)), warning=True))
    if snapshot.job.annotations.get(group.FORCE_DELETE) == "true":
        return _forced(snapshot)
    return (
        _settle_current(snapshot)
        or _settle_superseded(snapshot)
        or DeleteRemote(_batches(snapshot))
    )


def _undelivered(snapshot: Snapshot) -> bool:
    """Whether the job has paid for results that only Google has, though it should deliver them."""
    output = snapshot.status.output
    if snapshot.job.spec.output is None or output is None or not snapshot.job.finished:
        return False
    return output.config_map is None and output.uri is None


def _place(snapshot: Snapshot) -> str:
    attempt = snapshot.status.attempt
    batch = attempt.batch_name if attempt else None
    return f"It is {batch}; the job's uid is {snapshot.job.uid}."


def left_behind(detail: str) -> RemoveFinalizer:
    """Let the object go although something may still run at Google, and say so."""
    reason = Reason.BATCH_LEFT_BEHIND
    return RemoveFinalizer(Event(reason, reason.explain(detail), warning=True))


def blocked(snapshot: Snapshot, problem: str) -> PatchStatus | RemoveFinalizer:
    """
    Google does not do what the deletion needs: say so and try again.

    After two days nothing of the job runs at Google any more, whatever it answers.
    """
    if _hopeless(snapshot):
        return left_behind(f"{_what_is_left(snapshot)} {problem}")
    return replace(_told(snapshot, problem), retry=True)


def without_credentials(
    snapshot: Snapshot, reason: Reason, problem: str
) -> RequeueAfter | RemoveFinalizer:
    """There is no key to delete the batch with: ask again, and give up after a while."""
    if out_of_patience(snapshot):
        batch = snapshot.status.batch_name or "unknown"
        return left_behind(f"Batch: {batch}. {reason}: {problem}")
    return RequeueAfter(PAUSE, Event(reason, reason.explain(problem), warning=True))


def out_of_patience(snapshot: Snapshot) -> bool:
    """Whether the deletion has tried for long enough to reach Google or its key."""
    since = snapshot.facts.deleting_since
    return since is not None and snapshot.monotonic - since >= PATIENCE


def _hopeless(snapshot: Snapshot) -> bool:
    since = snapshot.job.deletion_time
    return since is not None and snapshot.now - since >= HOPELESS


def _told(snapshot: Snapshot, problem: str) -> PatchStatus:
    reason = Reason.DELETION_BLOCKED
    message = reason.explain(problem)
    status = snapshot.condition(snapshot.status, STALLED, True, reason, message)
    event = Event(reason, message, warning=True)
    return PatchStatus(status, () if _is_told(snapshot) else (event,), seconds=0.0)


def _is_told(snapshot: Snapshot) -> bool:
    known = find(snapshot.status.conditions, STALLED)
    return known is not None and known.reason == Reason.DELETION_BLOCKED


def _forced(snapshot: Snapshot) -> RemoveFinalizer:
    attempt = snapshot.status.attempt
    if attempt is None and not open_attempts(snapshot.job):
        return RemoveFinalizer()
    return left_behind(f"{_what_is_left(snapshot)} The annotation force-delete was set.")


def _what_is_left(snapshot: Snapshot) -> str:
    attempt = snapshot.status.attempt
    if attempt is not None and attempt.batch_name:
        return f"Batch: {attempt.batch_name}."
    ids = [a.id for a in ((attempt,) if attempt else ()) + open_attempts(snapshot.job)]
    return f"Its name is not known; attempt ids: {', '.join(ids) or 'none'}."


def _orphaned(snapshot: Snapshot) -> Event | None:
    attempt = snapshot.status.attempt
    if attempt is None:
        return None
    what = attempt.batch_name or f"unknown, of attempt {attempt.id}"
    return Event(Reason.ORPHANED, Reason.ORPHANED.explain(f"Batch: {what}."), warning=True)


def _give_up(snapshot: Snapshot, detail: str) -> DeleteRemote:
    """Take away what is known, and say that there may be more."""
    return DeleteRemote(_batches(snapshot), event=left_behind(detail).event)


def _settle_current(snapshot: Snapshot) -> Decision | None:
    """A create whose outcome is unknown is searched for first; nothing is submitted."""
    attempt, state = snapshot.status.attempt, snapshot.facts.search
    if attempt is None or attempt.batch_name is not None or state is None:
        return None
    match verdict(snapshot, attempt, state):
        case Found() | Nowhere():
            return None
        case Doubtful() if _matches(snapshot, attempt.id):
            return None
        case Doubtful(detail) if out_of_patience(snapshot):
            return _give_up(snapshot, detail)
        case _ if snapshot.facts.refused is not None and out_of_patience(snapshot):
            return _give_up(snapshot, snapshot.facts.refused)
        case _ if state.under_way:
            return RequeueAfter(PAUSE)
        case _:
            return _list_again(snapshot, state.due)


def _settle_superseded(snapshot: Snapshot) -> Decision | None:
    """One complete listing, begun after the deletion, settles attempts that were given up."""
    if not open_attempts(snapshot.job):
        return None
    if snapshot.facts.no_list and out_of_patience(snapshot):
        return _give_up(snapshot, f"{_what_is_left(snapshot)} Google cannot list such jobs.")
    fresh = _listed(snapshot)
    if fresh is not None and fresh.complete:
        return None
    if fresh is not None and out_of_patience(snapshot):
        return _give_up(snapshot, "Google's list was too long to read completely.")
    if snapshot.facts.refused is not None and out_of_patience(snapshot):
        return _give_up(snapshot, snapshot.facts.refused)
    return _list_again(snapshot, snapshot.facts.listed + PAUSE)


def _listed(snapshot: Snapshot) -> ListSnapshot | None:
    """The last listing, if it was begun after the deletion."""
    list_snapshot, since = snapshot.facts.list_snapshot, snapshot.facts.deleting_since
    return (
        list_snapshot
        if list_snapshot and since is not None and list_snapshot.begun >= since
        else None
    )


def _list_again(snapshot: Snapshot, due: float) -> Decision:
    """Another listing; while none is had the object says so, and one day it goes all the same."""
    problem = "Google's list of batches cannot be read."
    if _hopeless(snapshot):
        return _give_up(snapshot, f"{_what_is_left(snapshot)} {problem}")
    if _listed(snapshot) is None and out_of_patience(snapshot) and not _is_told(snapshot):
        return _told(snapshot, problem)
    return ListRemote(max(0.0, due - snapshot.monotonic))


def _batches(snapshot: Snapshot) -> tuple[str, ...]:
    attempt = snapshot.status.attempt
    named = (attempt.batch_name,) if attempt and attempt.batch_name else ()
    earlier = tuple(
        a.batch_name
        for a in snapshot.status.superseded_attempts
        if a.batch_name and a.reason not in (None, Reason.DUPLICATE_CANCELLED)
    )
    unnamed = (attempt.id,) if attempt and not attempt.batch_name else ()
    ids = (*unnamed, *(a.id for a in open_attempts(snapshot.job)))
    found = (name for an_id in ids for name in _matches(snapshot, an_id))
    return tuple(dict.fromkeys((*named, *found, *earlier)))


def _matches(snapshot: Snapshot, attempt_id: str) -> tuple[str, ...]:
    list_snapshot = snapshot.facts.list_snapshot
    return tuple(m.name for m in list_snapshot.matches.get(attempt_id, ())) if list_snapshot else ()
