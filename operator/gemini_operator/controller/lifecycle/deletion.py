"""Deletion: cancel and delete what the job has at Google, then remove the finalizer (P21, P22)."""

from dataclasses import replace
from datetime import timedelta

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import SupersededAttempt
from gemini_operator.controller.lifecycle import uploading
from gemini_operator.controller.lifecycle.attempts import (
    Doubtful,
    Found,
    Nowhere,
    OtherKey,
    open_attempts,
    other_key,
    unknown,
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
from gemini_operator.controller.lifecycle.status import is_stalled_for, without_stalled
from gemini_operator.controller.lifecycle.unavailable import ENOUGH
from gemini_operator.controller.memory import CUT_OFF, ListSnapshot
from gemini_operator.gemini.remote import ENDS, Outcome, outcome_of

# Seconds for which a deletion waits for a usable API key, or for a list that settles its attempts,
# before it leaves their batches behind. A namespace that is deleted loses its Secrets first, so
# they may never return. While Google does not answer at all, the deletion waits for `HOPELESS`.
PATIENCE = 120.0

UNTIL = "After two minutes without a usable API key, the object is removed and its batch is left at Google."

# Google ends every batch within 48 hours. An hour later nothing is left that could be billed, so
# the object need not wait any longer for Google to answer (decision 0017).
HOPELESS = timedelta(hours=49)

# Seconds between lists for superseded attempts, and between reads of a missing Secret.
PAUSE = 5.0


def decide(snapshot: Snapshot) -> Decision | None:
    """Cancel and delete the batches of a deleted job, or leave them with `Orphan`."""
    if not snapshot.job.deleting:
        return None
    # Another finalizer keeps the object; ours is removed already, or was never added.
    if not snapshot.job.has_finalizer:
        return RequeueAfter()
    if snapshot.job.spec.deletion_policy == "Orphan":
        return RemoveFinalizer(_orphaned(snapshot))
    if _undelivered(snapshot) and snapshot.job.spec.deletion_policy is None:
        reason = Reason.RESULTS_KEPT
        return RemoveFinalizer(Event(reason, reason.explain(_place(snapshot)), warning=True))
    if snapshot.job.annotations.get(group.FORCE_DELETE) == "true":
        return _forced(snapshot)
    # A batch whose name is not known yet must be found before it can be deleted.
    return (
        _settle_current(snapshot)
        or _settle_superseded(snapshot)
        or DeleteRemote(_batches(snapshot), files=uploading.names(snapshot.job))
    )


def _undelivered(snapshot: Snapshot) -> bool:
    """Whether the job has paid for results that only Google has, though it should deliver them."""
    if snapshot.job.spec.output is None:
        return False
    if not snapshot.job.finished:
        # The results are late, or the cluster refuses the output.
        return outcome_of(snapshot.status.gemini_state or "") is Outcome.SUCCEEDED
    output = snapshot.status.output
    return output is not None and not output.delivered


def _place(snapshot: Snapshot) -> str:
    attempt = snapshot.status.attempt
    batch = attempt.batch_name if attempt else None
    return f"It is {batch}; the job's uid is {snapshot.job.uid}."


def _left(snapshot: Snapshot, detail: str) -> RemoveFinalizer:
    """Remove the finalizer although a batch is left at Google, and report whether it may still run."""
    ended = _has_ended(snapshot)
    reason = Reason.ENDED_BATCH_LEFT if ended else Reason.BATCH_LEFT_BEHIND
    return RemoveFinalizer(Event(reason, reason.explain(detail), warning=True))


def _has_ended(snapshot: Snapshot) -> bool:
    ended = outcome_of(snapshot.status.gemini_state or "") in ENDS
    return snapshot.job.finished and ended and not open_attempts(snapshot.job)


def blocked(snapshot: Snapshot, problem: str) -> PatchStatus | RemoveFinalizer:
    """Stall a deletion that Google does not answer; after 49 hours remove the finalizer.

    Args:
        snapshot: the deleted job.
        problem: Google's answer, or why there is none.
    """
    if _hopeless(snapshot):
        return _left(snapshot, f"{_what_is_left(snapshot)} {problem}")
    return replace(_told(snapshot, problem), retry=True)


def without_credentials(
    snapshot: Snapshot, reason: Reason, problem: str
) -> PatchStatus | RemoveFinalizer:
    """Stall a deletion without a usable API key; after 2 minutes remove the finalizer."""
    if _keyless_too_long(snapshot):
        return _left(snapshot, f"{_what_is_left(snapshot)} {reason}: {problem}")
    return replace(_keyless(snapshot, reason, problem), seconds=PAUSE)


def _keyless_too_long(snapshot: Snapshot) -> bool:
    """Return whether there has been no usable API key for `PATIENCE` seconds."""
    facts = snapshot.facts
    # Not since the deletion: Google may have been away until now.
    if facts.keyless_since is None:
        facts.keyless_since = snapshot.monotonic
    return snapshot.monotonic - facts.keyless_since >= PATIENCE


def _keyless(snapshot: Snapshot, reason: Reason, problem: str) -> PatchStatus:
    """Say that there is no usable API key, and what happens next."""
    # The particular reason, which names what a person has to mend.
    event = Event(reason, reason.explain(problem), warning=True)
    restore = reason == Reason.CREDENTIALS_CHANGED
    to_do = "Put that key back into the Secret." if restore else "Create or correct the Secret."
    return replace(_told(snapshot, f"{problem.rstrip('.')}. {to_do} {UNTIL}"), events=(event,))


def out_of_patience(snapshot: Snapshot) -> bool:
    """Return whether this process has worked on the deletion for `PATIENCE` seconds."""
    # Not the deletion's own age: a controller that was down has not tried anything.
    since = snapshot.facts.deleting_since
    return since is not None and snapshot.monotonic - since >= PATIENCE


def _hopeless(snapshot: Snapshot) -> bool:
    since = snapshot.job.deletion_time
    return since is not None and snapshot.now - since >= HOPELESS


def _told(snapshot: Snapshot, problem: str) -> PatchStatus:
    reason = Reason.DELETION_BLOCKED
    message = reason.explain(problem)
    status = snapshot.condition(snapshot.status, STALLED, True, reason, message)
    status = snapshot.revise(status, state=State.DELETING)
    event = Event(reason, message, warning=True)
    return PatchStatus(status, () if _is_told(snapshot) else (event,), seconds=0.0)


def _is_told(snapshot: Snapshot) -> bool:
    return is_stalled_for(snapshot, Reason.DELETION_BLOCKED)


def _forced(snapshot: Snapshot) -> RemoveFinalizer:
    attempt = snapshot.status.attempt
    if attempt is None and not open_attempts(snapshot.job):
        return RemoveFinalizer()
    return _left(snapshot, f"{_what_is_left(snapshot)} The annotation force-delete was set.")


def _what_is_left(snapshot: Snapshot) -> str:
    """Say how the job's batches are found at Google."""
    attempt = snapshot.status.attempt
    if attempt is None or not attempt.batch_name:
        return _unnamed(snapshot)
    ids = ", ".join(a.id for a in open_attempts(snapshot.job))
    more = f" There may be others, of the attempts with the ids {ids}." if ids else ""
    return f"Batch: {attempt.batch_name}.{more}"


def _unnamed(snapshot: Snapshot) -> str:
    """Say which attempts may have a batch; its display name has the attempt's id."""
    ids = ", ".join(a.id for a in unknown(snapshot.job))
    return f"Its name is not known; attempt ids: {ids or 'none'}."


def _orphaned(snapshot: Snapshot) -> Event | None:
    attempt = snapshot.status.attempt
    if attempt is None:
        return None
    what = attempt.batch_name or f"unknown, of attempt {attempt.id}"
    return Event(Reason.ORPHANED, Reason.ORPHANED.explain(f"Batch: {what}."), warning=True)


def _give_up(snapshot: Snapshot, detail: str) -> DeleteRemote:
    """Delete the batches with known names, and report that there may be more."""
    left = _left(snapshot, f"{_unnamed(snapshot)} {detail}")
    return DeleteRemote(_batches(snapshot), event=left.event)


def _settle_current(snapshot: Snapshot) -> Decision | None:
    """Search for the batch of the current attempt; `None` if it is settled."""
    attempt, state = snapshot.status.attempt, snapshot.facts.search
    if attempt is None or attempt.batch_name is not None or state is None:
        return None
    match verdict(snapshot, attempt, state):
        case Found() | Nowhere():
            return None
        # Batches with the job's token are all deleted, so it does not matter which one is right.
        case Doubtful() if _matches(snapshot, attempt.id):
            return None
        case Doubtful(detail) if out_of_patience(snapshot):
            return _give_up(snapshot, detail)
        case _ if state.under_way:
            return RequeueAfter(PAUSE)
        case OtherKey(detail):
            return _without_its_key(snapshot, Reason.CREDENTIALS_CHANGED, detail, state.due)
        case _:
            return _list_again(snapshot, state.due)


def _settle_superseded(snapshot: Snapshot) -> Decision | None:
    """Search for batches of superseded attempts; `None` if they are settled.

    One complete list is enough for attempts that were given up, if it began after the deletion and
    after the grace of the last attempt: a person may have given that one up a second ago.
    """
    if not open_attempts(snapshot.job):
        return None
    if snapshot.facts.no_list and out_of_patience(snapshot):
        return _give_up(snapshot, "Google cannot list such jobs.")
    fresh = _listed(snapshot)
    if fresh is not None and fresh.complete:
        return _list_after_grace(snapshot, fresh)
    if fresh is not None and out_of_patience(snapshot):
        return _give_up(snapshot, "Google's list was too long to read completely.")
    return _list_again(snapshot, snapshot.facts.listed + PAUSE)


def _list_after_grace(snapshot: Snapshot, fresh: ListSnapshot) -> Decision | None:
    """List again if a batch of a given-up attempt may be missing from `fresh`; `None` if none may."""
    missing = [a for a in open_attempts(snapshot.job) if not _matches(snapshot, a.id)]
    if not missing:
        return None
    rules = snapshot.rules
    grace = timedelta(seconds=CUT_OFF + rules.create_timeout + rules.submit_grace)
    ends = max(attempt.start_time for attempt in missing) + grace
    begun = snapshot.now - timedelta(seconds=snapshot.monotonic - fresh.begun)
    if begun >= ends:
        return _of_another_key(snapshot, fresh, missing)
    left = (ends - snapshot.now).total_seconds()
    return _list_again(snapshot, max(snapshot.monotonic + left, snapshot.facts.listed + PAUSE))


def _of_another_key(
    snapshot: Snapshot, fresh: ListSnapshot, missing: list[SupersededAttempt]
) -> Decision | None:
    """Wait for the API key of attempts whose batches `fresh` cannot show; `None` if it shows all."""
    ids = [
        attempt.id
        for attempt in missing
        # Google has ended the batch of an older one, so nothing is left that could be billed.
        if attempt.id in fresh.other_key and snapshot.now - attempt.start_time < HOPELESS
    ]
    if not ids:
        return None
    due = snapshot.facts.listed + PAUSE
    return _without_its_key(snapshot, Reason.CREDENTIALS_CHANGED, other_key(*ids), due)


def _without_its_key(snapshot: Snapshot, reason: Reason, problem: str, due: float) -> Decision:
    """Say that the API key is needed and list again at `due`; after 2 minutes leave the batch."""
    if _keyless_too_long(snapshot):
        return _give_up(snapshot, problem)
    write = _keyless(snapshot, reason, problem)
    if write.status != snapshot.status:
        return write
    return ListRemote(max(0.0, due - snapshot.monotonic))


def _listed(snapshot: Snapshot) -> ListSnapshot | None:
    """Return the last list, if it began after the deletion."""
    list_snapshot, since = snapshot.facts.list_snapshot, snapshot.facts.deleting_since
    return (
        list_snapshot
        if list_snapshot and since is not None and list_snapshot.begun >= since
        else None
    )


def _list_again(snapshot: Snapshot, due: float) -> Decision:
    """List again at `due` (monotonic seconds); report it if that fails for too long."""
    unlisted, refused = snapshot.facts.unlisted, snapshot.facts.refused
    if refused is not None:
        return _without_its_key(snapshot, Reason.CREDENTIALS_REJECTED, refused, due)
    problem = f"Google's list of batches cannot be read: {unlisted or 'no answer'}."
    if _hopeless(snapshot):
        return _give_up(snapshot, problem)
    lasts = out_of_patience(snapshot) or (unlisted and snapshot.facts.failed_calls >= ENOUGH)
    if _listed(snapshot) is None and lasts and not _is_told(snapshot):
        return _told(snapshot, problem)
    if _works_again(snapshot):
        return PatchStatus(snapshot.revise(without_stalled(snapshot.status)), seconds=0.0)
    return ListRemote(max(0.0, due - snapshot.monotonic))


def _works_again(snapshot: Snapshot) -> bool:
    """Return whether what blocked the deletion is over, although the deletion is not."""
    facts = snapshot.facts
    failing = facts.keyless_since is not None or facts.failed_calls
    return _is_told(snapshot) and _listed(snapshot) is not None and not failing


def _batches(snapshot: Snapshot) -> tuple[str, ...]:
    attempt = snapshot.status.attempt
    named = (attempt.batch_name,) if attempt and attempt.batch_name else ()
    # Batches that ended earlier stay in Google's list, and are deleted with their job. A duplicate
    # was deleted when it was found.
    earlier = tuple(
        a.batch_name
        for a in snapshot.status.superseded_attempts
        if a.batch_name and a.reason not in (None, Reason.DUPLICATE_CANCELLED)
    )
    found = (name for a in unknown(snapshot.job) for name in _matches(snapshot, a.id))
    return tuple(dict.fromkeys((*named, *found, *earlier)))


def _matches(snapshot: Snapshot, attempt_id: str) -> tuple[str, ...]:
    list_snapshot = snapshot.facts.list_snapshot
    return tuple(m.name for m in list_snapshot.matches.get(attempt_id, ())) if list_snapshot else ()
