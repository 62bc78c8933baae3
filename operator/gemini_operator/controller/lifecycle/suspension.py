"""`suspend`: do not submit; if the batch is open, cancel it and submit a new one on resume (P16).

While the batch is being cancelled, the condition `Suspended` is False with the reason `Suspending`.
So a cancelled batch can be told from one that a user cancelled at Google, also after a restart. A
resume in between does not stop the cancel (decision 0016).
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
from gemini_operator.controller.lifecycle.status import not_copied, without_stalled

UNTRIED = frozenset({Reason.INPUT_MISSING, Reason.INPUT_REFUSED, Reason.OUTPUT_REFUSED})
"""Problems of which nobody finds out whether they are over while the job is suspended. A resumed job
finds them again."""


def asked(snapshot: Snapshot) -> bool:
    """Return whether the open batch must be cancelled: suspended now, or when its cancel began."""
    return snapshot.job.spec.suspend or begun(snapshot)


def begun(snapshot: Snapshot) -> bool:
    """Return whether the batch is being cancelled because the job was suspended."""
    condition = find(snapshot.status.conditions, SUSPENDED)
    return condition is not None and condition.reason == Reason.SUSPENDING


def decide(snapshot: Snapshot) -> Decision | None:
    """Suspend or resume a job that has no attempt."""
    if snapshot.status.attempt is not None:
        return None
    if snapshot.job.spec.suspend:
        return _suspend(snapshot)
    if is_true(snapshot.status.conditions, SUSPENDED):
        return PatchStatus(_resumed(snapshot, snapshot.status), (_notice(Reason.RESUMED),))
    return None


def lifted(snapshot: Snapshot, status: Status) -> Status:
    """Return `status` of a job that took over a surfaced batch, with `Suspended` False.

    If `spec.suspend` is set, the reason is `Suspending`, since the batch is cancelled next.
    """
    if not is_true(status.conditions, SUSPENDED):
        return status
    reason = Reason.SUSPENDING if snapshot.job.spec.suspend else Reason.RESUMED
    return snapshot.condition(status, SUSPENDED, False, reason)


def ended(snapshot: Snapshot, retired_for: Reason) -> PatchStatus:
    """Suspend the job, or resume it if the user has: its batch ended without results."""
    status = attempts.retired(snapshot, retired_for)
    # As for a batch/v1 Job, a suspended job has no start time: the deadline starts again on resume.
    status = snapshot.revise(status, start_time=None)
    if snapshot.job.spec.suspend:
        return PatchStatus(_suspended(snapshot, status), (_notice(Reason.SUSPENDED),))
    return PatchStatus(_resumed(snapshot, status), (_notice(Reason.RESUMED),))


def _suspend(snapshot: Snapshot) -> Decision:
    # A copy of the input that was under way is stopped, and nothing is left of it.
    status = not_copied(snapshot, snapshot.revise(start_time=None))
    status = _suspended(snapshot, without_stalled(status, UNTRIED))
    if status == snapshot.status:
        return RequeueAfter()
    # An Event only when the job becomes suspended, not when the generation alone has changed.
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
