"""`suspend`: wait before the submission; after it, cancel, and submit anew on resume (rule P16).

The condition `Suspended` remembers what was begun: `Suspending` while the batch is being cancelled,
so that its end is told from one that somebody caused at Google, and a resume that comes too early
changes nothing about it.
"""

from gemini_operator.api.conditions import SUBMITTED, SUSPENDED, find, is_true
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import attempts
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def asked(snapshot: Snapshot) -> bool:
    """Whether the open batch has to go: suspended now, or when its cancel was begun."""
    return snapshot.job.spec.suspend or begun(snapshot)


def begun(snapshot: Snapshot) -> bool:
    """Whether the batch is being cancelled because the job was suspended."""
    condition = find(snapshot.status.conditions, SUSPENDED)
    return condition is not None and condition.reason == Reason.SUSPENDING


def decide(snapshot: Snapshot) -> Decision | None:
    """Hold a job without an attempt back, or let it go on."""
    if snapshot.status.attempt is not None:
        return None
    if snapshot.job.spec.suspend:
        return _suspend(snapshot)
    if is_true(snapshot.status.conditions, SUSPENDED):
        return PatchStatus(_resumed(snapshot, snapshot.status), (_notice(Reason.RESUMED),))
    return None


def lifted(snapshot: Snapshot, status: Status) -> Status:
    """`status` of a job that has a batch again: it is not suspended, or not any more."""
    if not is_true(status.conditions, SUSPENDED):
        return status
    reason = Reason.SUSPENDING if snapshot.job.spec.suspend else Reason.RESUMED
    return snapshot.condition(status, SUSPENDED, False, reason)


def ended(snapshot: Snapshot, retired_for: Reason) -> PatchStatus:
    """The batch of a suspended job has ended without results: nothing of it is left."""
    status = attempts.retired(snapshot, retired_for)
    status = snapshot.revise(status, start_time=None)
    if snapshot.job.spec.suspend:
        return PatchStatus(_suspended(snapshot, status), (_notice(Reason.SUSPENDED),))
    return PatchStatus(_resumed(snapshot, status), (_notice(Reason.RESUMED),))


def _suspend(snapshot: Snapshot) -> Decision:
    status = _suspended(snapshot, snapshot.revise(start_time=None))
    if status == snapshot.status:
        return RequeueAfter()
    known = is_true(snapshot.status.conditions, SUSPENDED)
    return PatchStatus(status, () if known else (_notice(Reason.SUSPENDED),))


def _suspended(snapshot: Snapshot, status: Status) -> Status:
    status = snapshot.revise(status, state=State.SUSPENDED)
    status = snapshot.condition(status, SUBMITTED, False, Reason.SUSPENDED)
    return snapshot.condition(status, SUSPENDED, True, Reason.SUSPENDED)


def _resumed(snapshot: Snapshot, status: Status) -> Status:
    status = snapshot.revise(status, state=State.QUEUED)
    status = snapshot.condition(status, SUBMITTED, False, Reason.RESUMED)
    return snapshot.condition(status, SUSPENDED, False, Reason.RESUMED)


def _notice(reason: Reason) -> Event:
    return Event(reason, reason.message)
