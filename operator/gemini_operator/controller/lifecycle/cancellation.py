"""Ending a batch that is open at Google because the job asks for it (rules P16, P21)."""

from enum import Enum

from gemini_operator.api.conditions import SUSPENDED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.lifecycle import deadline, suspension
from gemini_operator.controller.lifecycle.view import (
    Cancel,
    Decision,
    Gone,
    Notice,
    Remote,
    Unreadable,
    View,
    Wait,
    Write,
)

STATE = "Cancelling"

# Seconds after which a cancel that shows no effect is sent again.
AGAIN = 600.0


class Cause(Enum):
    """Why the batch shall not run any longer, with the reason shown meanwhile."""

    SHUTDOWN = Reason.CANCELLED
    DEADLINE = Reason.DEADLINE_EXCEEDED
    SUSPENSION = Reason.SUSPENDING


def cause(view: View) -> Cause | None:
    """The strongest cause: shutdown before deadline before suspend (rule P16)."""
    if view.job.spec.shutdown is not None:
        return Cause.SHUTDOWN
    if deadline.exceeded(view):
        return Cause.DEADLINE
    return Cause.SUSPENSION if suspension.asked(view) else None


def shown(view: View, state: str | None) -> str | None:
    """The state of a job whose open batch was looked at: `state`, or that it is being cancelled."""
    return STATE if view.status.state == STATE and cause(view) is not None else state


def read_due(view: View) -> bool:
    """Whether a batch that we have cancelled is to be looked at now; no callback may come."""
    cancelling = _under_way(view)
    return cancelling and view.facts.cancel is not None and view.facts.cancel.due <= view.monotonic


def decide(view: View, remote: Remote | None) -> Decision | None:
    """Write down that the open batch is being cancelled, cancel it, then wait for its end."""
    attempt, why = view.status.attempt, cause(view)
    if attempt is None or attempt.batch_name is None or why is None:
        return None
    if isinstance(remote, Gone | Unreadable):
        return None
    marked = _marked(view, why)
    if marked is not None:
        return marked
    cancel = view.facts.cancel
    if not _under_way(view) or cancel is None or view.monotonic - cancel.sent >= AGAIN:
        return Cancel(attempt.batch_name)
    return Wait(max(0.0, cancel.due - view.monotonic))


def _under_way(view: View) -> bool:
    cancel, attempt = view.facts.cancel, view.status.attempt
    return cancel is not None and attempt is not None and cancel.batch == attempt.batch_name


def _marked(view: View, why: Cause) -> Write | None:
    """Before the cancel: a restart must know why a batch was found cancelled."""
    status = view.revise(state=STATE)
    if why is Cause.SUSPENSION:
        status = view.condition(status, SUSPENDED, False, Reason.SUSPENDING)
    if status == view.revise():
        return None
    return Write(status, (_notice(view.status, why),) if view.status.state != STATE else ())


def _notice(status: Status, why: Cause) -> Notice:
    reason = Reason.CANCELLING
    return Notice(reason, reason.explain(f"Why: {why.value.value}. It is {status.batch_name}."))
