"""The order in which policies are asked (rule P16); the first that answers decides."""

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
    resolution,
    retries,
    search,
    shutdown,
    stuck,
    submission,
    suspension,
    ttl,
    unsendable,
    unsupported,
)
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Decision,
    ListRemote,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Remote, Snapshot
from gemini_operator.controller.lifecycle.status import stalled


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision:
    """What has to be done for the job now; a new generation is always acknowledged."""
    decision = _first(snapshot, remote)
    observed = snapshot.status.observed_generation
    if isinstance(decision, ListRemote | RequeueAfter) and observed not in (
        None,
        snapshot.job.generation,
    ):
        return PatchStatus(snapshot.revise())
    return decision


def without_credentials(snapshot: Snapshot, reason: Reason, detail: str) -> Decision:
    """What becomes of a job that needs Google now and has no usable API key."""
    if snapshot.job.deleting:
        return deletion.without_credentials(snapshot, reason, detail)
    return stalled(snapshot, reason, detail)


def alarm(snapshot: Snapshot) -> float | None:
    """Seconds until time alone gives the job something to do; `None` if it never does."""
    times = (deadline.remaining(snapshot), ttl.remaining(snapshot), stuck.remaining(snapshot))
    return min((seconds for seconds in times if seconds), default=None)


def _first(snapshot: Snapshot, remote: Remote | None) -> Decision:
    return (
        deletion.decide(snapshot)
        or duplicates.decide(snapshot)
        or _finished(snapshot)
        or unsupported.decide(snapshot)
        or credentials.decide(snapshot)
        or submission.decide_refused(snapshot)
        or resolution.decide(snapshot, remote)
        or _followed(snapshot, remote)
        or search.decide(snapshot)
        or _unsubmitted(snapshot)
        or RequeueAfter()
    )


def _finished(snapshot: Snapshot) -> Decision | None:
    if not snapshot.job.finished:
        return None
    return ttl.decide(snapshot) or RequeueAfter()


def _followed(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """What a look at the batch says comes first: Google's end wins over our wish to end it."""
    seen = observation.decide(snapshot, remote)
    if seen is not None and not isinstance(seen, RequeueAfter):
        return seen
    wanted = cancellation.decide(snapshot, remote)
    if isinstance(wanted, RequeueAfter) and isinstance(seen, RequeueAfter):
        times = (seen.seconds, wanted.seconds)
        return RequeueAfter(
            min((seconds for seconds in times if seconds is not None), default=None)
        )
    return wanted or seen


def _unsubmitted(snapshot: Snapshot) -> Decision | None:
    """A job of which nothing is at Google: what keeps it from getting there, then the way."""
    return (
        lost_attempt.decide(snapshot)
        or unsendable.decide(snapshot)
        or shutdown.decide(snapshot)
        or deadline.decide(snapshot)
        or suspension.decide(snapshot)
        or retries.decide(snapshot)
        or _hold(snapshot)
        or adoption.decide(snapshot)
        or submission.decide(snapshot)
    )


def _hold(snapshot: Snapshot) -> Decision | None:
    return None if snapshot.job.has_finalizer else AddFinalizer()
