"""`suspend`: wait before the submission; after it, cancel, and submit anew on resume (rule P16).

The condition `Suspended` remembers what was begun: `Suspending` while the batch is being cancelled,
so that its end is told from one that somebody caused at Google, and a resume that comes too early
changes nothing about it.
"""

from gemini_operator.api.conditions import SUBMITTED, SUSPENDED, find, is_true
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import Status
from gemini_operator.controller.lifecycle import retirement
from gemini_operator.controller.lifecycle.view import Decision, Event, View, Wait, Write


def asked(view: View) -> bool:
    """Whether the open batch has to go: suspended now, or when its cancel was begun."""
    return view.job.spec.suspend or begun(view)


def begun(view: View) -> bool:
    """Whether the batch is being cancelled because the job was suspended."""
    condition = find(view.status.conditions, SUSPENDED)
    return condition is not None and condition.reason == Reason.SUSPENDING


def decide(view: View) -> Decision | None:
    """Hold a job without an attempt back, or let it go on."""
    if view.status.attempt is not None:
        return None
    if view.job.spec.suspend:
        return _suspend(view)
    if is_true(view.status.conditions, SUSPENDED):
        return Write(_resumed(view, view.status), (_notice(Reason.RESUMED),))
    return None


def lifted(view: View, status: Status) -> Status:
    """`status` of a job that has a batch again: it is not suspended, or not any more."""
    if not is_true(status.conditions, SUSPENDED):
        return status
    reason = Reason.SUSPENDING if view.job.spec.suspend else Reason.RESUMED
    return view.condition(status, SUSPENDED, False, reason)


def ended(view: View, retired_for: Reason) -> Write:
    """The batch of a suspended job has ended without results: nothing of it is left."""
    status = retirement.retired(view, retired_for)
    status = view.revise(status, start_time=None)
    if view.job.spec.suspend:
        return Write(_suspended(view, status), (_notice(Reason.SUSPENDED),))
    return Write(_resumed(view, status), (_notice(Reason.RESUMED),))


def _suspend(view: View) -> Decision:
    status = _suspended(view, view.revise(start_time=None))
    if status == view.status:
        return Wait()
    known = is_true(view.status.conditions, SUSPENDED)
    return Write(status, () if known else (_notice(Reason.SUSPENDED),))


def _suspended(view: View, status: Status) -> Status:
    status = view.revise(status, state=State.SUSPENDED)
    status = view.condition(status, SUBMITTED, False, Reason.SUSPENDED)
    return view.condition(status, SUSPENDED, True, Reason.SUSPENDED)


def _resumed(view: View, status: Status) -> Status:
    status = view.revise(status, state=State.QUEUED)
    status = view.condition(status, SUBMITTED, False, Reason.RESUMED)
    return view.condition(status, SUSPENDED, False, Reason.RESUMED)


def _notice(reason: Reason) -> Event:
    return Event(reason, reason.message)
