"""The precedence of all policies: they are asked in order, and the first answer counts (P16)."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import (
    adoption,
    cancellation,
    credentials,
    deadline,
    deletion,
    duplicates,
    lost_attempt,
    observation,
    progress,
    resolution,
    retries,
    search,
    shutdown,
    stuck,
    submission,
    suspension,
    ttl,
    unavailable,
    unsendable,
    uploading,
)
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Decision,
    ListRemote,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Remote, Snapshot, Unanswered
from gemini_operator.gemini.errors import GeminiError


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision:
    """Decide what to do for the job now.

    Args:
        snapshot: the job at this moment.
        remote: the result of reading its batch; `None` if it was not read.
    """
    decision = _first(snapshot, remote)
    observed = snapshot.status.observed_generation
    # These two write no status, so a spec change that needs no action would never be acknowledged,
    # and clients that compare observedGeneration would wait for ever. A job that waits too long
    # would never be stalled.
    unsaid = observed not in (None, -1, snapshot.job.generation)
    if isinstance(decision, ListRemote | RequeueAfter) and (
        unsaid or progress.remaining(snapshot) == 0.0
    ):
        return PatchStatus(snapshot.revise())
    return decision


def without_credentials(snapshot: Snapshot, reason: Reason, detail: str) -> Decision:
    """Decide for a job that has to call Google now and has no usable API key."""
    if snapshot.job.deleting:
        return deletion.without_credentials(snapshot, reason, detail)
    return credentials.unusable(snapshot, reason, detail)


def unanswered(snapshot: Snapshot, error: GeminiError, seconds: float = 0.0) -> Decision:
    """Decide for a job whose call Google did not answer, or answered with an error of its own.

    Args:
        snapshot: the job.
        error: of the call.
        seconds: how long the call took.
    """
    snapshot.facts.note_failed_call(seconds)
    # Google was asked, so there was a usable key.
    snapshot.facts.note_key_found()
    if snapshot.job.deleting:
        snapshot.facts.keyless_since = None
        return deletion.blocked(snapshot, f"{error}.")
    return unavailable.after(snapshot, error)


def alarm(snapshot: Snapshot) -> float | None:
    """Seconds until a deadline, a TTL or an overdue batch needs a reconcile; `None` for never."""
    # A time that is up (0.0) needs no timer: the reconcile that asks has just acted on it.
    each = (deadline, ttl, stuck, progress)
    times = (policy.remaining(snapshot) for policy in each)
    return min((seconds for seconds in times if seconds), default=None)


def _first(snapshot: Snapshot, remote: Remote | None) -> Decision:
    return (
        deletion.decide(snapshot)
        # Before `_finished`: a lost batch can still surface up to 72 hours after the job's end.
        or duplicates.decide(snapshot)
        or _finished(snapshot)
        or credentials.decide(snapshot)
        # Before the searches: a create that was refused has no batch to search for.
        or submission.decide_refused(snapshot)
        or resolution.decide(snapshot, remote)
        # Before `search`: a callback may have supplied the name that the search would look for.
        or _followed(snapshot, remote)
        or unavailable.decide(snapshot)
        or search.decide(snapshot)
        or _unsubmitted(snapshot)
        or RequeueAfter()
    )


def _finished(snapshot: Snapshot) -> Decision | None:
    if not snapshot.job.finished:
        return None
    return ttl.decide(snapshot) or RequeueAfter()


def _followed(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """Decide for a job with an attempt: first what Google says, then what the spec asks for."""
    # A batch that ended before our cancel reached it has ended; its results are delivered (P16).
    seen = observation.decide(snapshot, remote)
    if seen is not None and not isinstance(seen, RequeueAfter):
        return seen
    wanted = cancellation.decide(snapshot, remote)
    if isinstance(remote, Unanswered) and snapshot.status.batch_name is not None:
        waits = wanted is None or isinstance(wanted, RequeueAfter)
        return unavailable.unread(snapshot, remote) if waits else wanted
    # Both wait: an event and a cancel each have a time for the next read, and the earlier counts.
    if isinstance(wanted, RequeueAfter) and isinstance(seen, RequeueAfter):
        times = (seen.seconds, wanted.seconds)
        return RequeueAfter(
            min((seconds for seconds in times if seconds is not None), default=None)
        )
    return wanted or seen


def _unsubmitted(snapshot: Snapshot) -> Decision | None:
    """Decide for a job that has nothing at Google: what ends it or makes it wait, then submit."""
    return (
        # First, as no other policy may take a status without its attempt for a new job.
        lost_attempt.decide(snapshot)
        or unsendable.decide(snapshot)
        or shutdown.decide(snapshot)
        or deadline.decide(snapshot)
        or suspension.decide(snapshot)
        or retries.decide(snapshot)
        # A batch without a finalizer on its job would be left behind by a deletion.
        or _hold(snapshot)
        or adoption.decide(snapshot)
        or uploading.decide(snapshot)
        or submission.decide(snapshot)
    )


def _hold(snapshot: Snapshot) -> Decision | None:
    return None if snapshot.job.has_finalizer else AddFinalizer()
