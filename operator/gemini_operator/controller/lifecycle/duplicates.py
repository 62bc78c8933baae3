"""Batches of superseded attempts that surface later: taken over by the job, or cancelled (P12)."""

from datetime import datetime, timedelta

from gemini_operator.api import group
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt, SupersededAttempt
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import resolution, submission, suspension
from gemini_operator.controller.lifecycle.attempts import ambiguous, mismatch, open_attempts
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    DeleteRemote,
    Event,
    PatchStatus,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import named
from gemini_operator.gemini.remote import Summary

# A batch runs for 48 hours at most, and Google tries to deliver its callback for 24 more.
WATCHED_AFTER_END = timedelta(hours=72)


def watched(job: Job, now: datetime) -> bool:
    """Return whether lists still have to be searched for batches of superseded attempts."""
    end = job.status.completion_time
    return bool(open_attempts(job)) and (end is None or now - end < WATCHED_AFTER_END)


def decide(snapshot: Snapshot) -> Decision | None:
    """Take over a surfaced batch if nothing else was submitted; otherwise cancel and delete it."""
    for attempt in open_attempts(snapshot.job):
        matches = _surfaced(snapshot, attempt)
        if not matches:
            continue
        if snapshot.status.attempt is None and not snapshot.job.finished:
            return _adopt(snapshot, attempt, matches)
        return _cancel(snapshot, attempt, matches)
    return None


def _surfaced(snapshot: Snapshot, attempt: SupersededAttempt) -> tuple[Summary, ...]:
    """Return the batches of `attempt` in the last list."""
    list_snapshot = snapshot.facts.list_snapshot
    matches = list_snapshot.matches.get(attempt.id, ()) if list_snapshot else ()
    # Never the batch the job follows: it must not be cancelled as a duplicate of itself.
    return tuple(match for match in matches if match.name != snapshot.status.batch_name)


def _adopt(
    snapshot: Snapshot, attempt: SupersededAttempt, matches: tuple[Summary, ...]
) -> Decision | None:
    choice = snapshot.job.annotations.get(group.RESOLVE_SUBMISSION)
    # The user asked for a new batch in place of this one. Once it is submitted, this one is a
    # duplicate and is cancelled.
    if choice == f"{resolution.RESUBMIT}{attempt.id}":
        return None
    chosen = next((match for match in matches if match.name == choice), None)
    if chosen is not None:
        return _moved_back(snapshot, attempt, chosen)
    if len(matches) > 1:
        return ambiguous(snapshot, f"Several batches carry attempt {attempt.id}.")
    if doubt := mismatch(snapshot, attempt, matches[0]):
        return ambiguous(snapshot, doubt)
    return _moved_back(snapshot, attempt, matches[0])


def _moved_back(snapshot: Snapshot, attempt: SupersededAttempt, match: Summary) -> PatchStatus:
    others = tuple(a for a in snapshot.status.superseded_attempts if a.id != attempt.id)
    again = Attempt.model_validate(attempt.model_dump(exclude={"reason"}))
    status = snapshot.revise(
        suspension.lifted(snapshot, snapshot.status),
        attempt=again,
        superseded_attempts=others,
        start_time=snapshot.status.start_time or snapshot.now,
    )
    status = named(snapshot.with_status(status), match)
    return PatchStatus(status, (submission.submitted(snapshot, match),))


def _cancel(
    snapshot: Snapshot, attempt: SupersededAttempt, matches: tuple[Summary, ...]
) -> DeleteRemote:
    names = tuple(match.name for match in matches)
    settled = attempt.model_copy(
        update={"batch_name": names[0], "reason": Reason.DUPLICATE_CANCELLED}
    )
    all_attempts = tuple(
        settled if a.id == attempt.id else a for a in snapshot.status.superseded_attempts
    )
    reason = Reason.DUPLICATE_CANCELLED
    event = Event(reason, reason.explain(f"Batch: {', '.join(names)}."), warning=True)
    return DeleteRemote(
        names, PatchStatus(snapshot.revise(superseded_attempts=all_attempts), (event,))
    )
