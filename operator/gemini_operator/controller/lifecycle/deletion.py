"""The object is going: settle what may be at Google, then let it go (rules P21, P22)."""

from dataclasses import replace
from datetime import timedelta

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.facts import ListSnapshot
from gemini_operator.controller.lifecycle import search
from gemini_operator.controller.lifecycle.duplicates import open_attempts
from gemini_operator.controller.lifecycle.view import (
    Decision,
    Dispose,
    Event,
    Release,
    Search,
    View,
    Wait,
    Write,
)

# Seconds for which a deletion tries to learn what is at Google before it gives up.
PATIENCE = 120.0

# Google ends every batch within 48 hours: after that nothing is left that could be billed.
HOPELESS = timedelta(hours=49)

# Seconds between listings for attempts that were given up.
PAUSE = 5.0


def decide(view: View) -> Decision | None:
    """Cancel and delete the batches of a deleted job, or leave them with `Orphan`."""
    if not view.job.deleting:
        return None
    if not view.job.held:
        return Wait()
    if view.job.spec.deletion_policy == "Orphan":
        return Release(_orphaned(view))
    if view.job.annotations.get(group.FORCE_DELETE) == "true":
        return _forced(view)
    return _settle_current(view) or _settle_superseded(view) or Dispose(_batches(view))


def left_behind(detail: str) -> Release:
    """Let the object go although something may still run at Google, and say so."""
    reason = Reason.BATCH_LEFT_BEHIND
    return Release(Event(reason, reason.explain(detail), warning=True))


def blocked(view: View, problem: str) -> Write | Release:
    """
    Google does not do what the deletion needs: say so and try again.

    After two days nothing of the job runs at Google any more, whatever it answers.
    """
    if _hopeless(view):
        return left_behind(f"{_what_is_left(view)} {problem}")
    return replace(_told(view, problem), retry=True)


def out_of_patience(view: View) -> bool:
    """Whether the deletion has tried for long enough to reach Google or its key."""
    since = view.facts.deleting_since
    return since is not None and view.monotonic - since >= PATIENCE


def _hopeless(view: View) -> bool:
    since = view.job.deletion_time
    return since is not None and view.now - since >= HOPELESS


def _told(view: View, problem: str) -> Write:
    reason = Reason.DELETION_BLOCKED
    message = reason.explain(problem)
    status = view.condition(view.status, STALLED, True, reason, message)
    event = Event(reason, message, warning=True)
    return Write(status, () if _is_told(view) else (event,), seconds=0.0)


def _is_told(view: View) -> bool:
    known = find(view.status.conditions, STALLED)
    return known is not None and known.reason == Reason.DELETION_BLOCKED


def _forced(view: View) -> Release:
    attempt = view.status.attempt
    if attempt is None and not open_attempts(view.job):
        return Release()
    return left_behind(f"{_what_is_left(view)} The annotation force-delete asked for it.")


def _what_is_left(view: View) -> str:
    attempt = view.status.attempt
    if attempt is not None and attempt.batch_name:
        return f"It is {attempt.batch_name}."
    ids = [a.id for a in ((attempt,) if attempt else ()) + open_attempts(view.job)]
    return f"Its name is not known; it would carry attempt {', '.join(ids) or 'none'}."


def _orphaned(view: View) -> Event | None:
    attempt = view.status.attempt
    if attempt is None:
        return None
    what = attempt.batch_name or f"attempt {attempt.id}, whose batch is not known"
    return Event(Reason.ORPHANED, Reason.ORPHANED.explain(f"It was {what}."), warning=True)


def _give_up(view: View, detail: str) -> Dispose:
    """Take away what is known, and say that there may be more."""
    return Dispose(_batches(view), event=left_behind(detail).event)


def _settle_current(view: View) -> Decision | None:
    """A create whose outcome is unknown is searched for first; nothing is submitted."""
    attempt, state = view.status.attempt, view.facts.search
    if attempt is None or attempt.batch_name is not None or state is None:
        return None
    match search.verdict(view, attempt, state):
        case search.Found() | search.Nowhere():
            return None
        case search.Doubtful() if _matches(view, attempt.id):
            return None
        case search.Doubtful(detail) if out_of_patience(view):
            return _give_up(view, detail)
        case _ if view.facts.refused is not None and out_of_patience(view):
            return _give_up(view, view.facts.refused)
        case _ if state.under_way:
            return Wait(PAUSE)
        case _:
            return _list_again(view, state.due)


def _settle_superseded(view: View) -> Decision | None:
    """One complete listing, begun after the deletion, settles attempts that were given up."""
    if not open_attempts(view.job):
        return None
    if view.facts.no_list and out_of_patience(view):
        return _give_up(view, f"{_what_is_left(view)} Google has no list of such jobs.")
    fresh = _listed(view)
    if fresh is not None and fresh.complete:
        return None
    if fresh is not None and out_of_patience(view):
        return _give_up(view, "Google's list was too long to be read whole.")
    if view.facts.refused is not None and out_of_patience(view):
        return _give_up(view, view.facts.refused)
    return _list_again(view, view.facts.listed + PAUSE)


def _listed(view: View) -> ListSnapshot | None:
    """The last listing, if it was begun after the deletion."""
    snapshot, since = view.facts.snapshot, view.facts.deleting_since
    return snapshot if snapshot and since is not None and snapshot.begun >= since else None


def _list_again(view: View, due: float) -> Decision:
    """Another listing; while none is had the object says so, and one day it goes all the same."""
    problem = "Google's list of batches cannot be read."
    if _hopeless(view):
        return _give_up(view, f"{_what_is_left(view)} {problem}")
    if _listed(view) is None and out_of_patience(view) and not _is_told(view):
        return _told(view, problem)
    return Search(max(0.0, due - view.monotonic))


def _batches(view: View) -> tuple[str, ...]:
    attempt = view.status.attempt
    named = (attempt.batch_name,) if attempt and attempt.batch_name else ()
    earlier = tuple(
        a.batch_name
        for a in view.status.superseded_attempts
        if a.batch_name and a.reason not in (None, Reason.DUPLICATE_CANCELLED)
    )
    unnamed = (attempt.id,) if attempt and not attempt.batch_name else ()
    ids = (*unnamed, *(a.id for a in open_attempts(view.job)))
    found = (name for an_id in ids for name in _matches(view, an_id))
    return tuple(dict.fromkeys((*named, *found, *earlier)))


def _matches(view: View, attempt_id: str) -> tuple[str, ...]:
    snapshot = view.facts.snapshot
    return tuple(m.name for m in snapshot.matches.get(attempt_id, ())) if snapshot else ()
