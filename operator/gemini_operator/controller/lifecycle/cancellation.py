"""Ending a batch that is open at Google because the job asks for it (rules P16, P21)."""

from enum import Enum

from gemini_operator.api.conditions import SUSPENDED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import Status
from gemini_operator.controller.facts import Cancellation
from gemini_operator.controller.lifecycle import deadline, suspension
from gemini_operator.controller.lifecycle.view import (
    Cancel,
    Decision,
    Event,
    Gone,
    Remote,
    Unreadable,
    View,
    Wait,
    Write,
)

# Seconds after which a cancel that shows no effect is sent again.
AGAIN = 600.0


class Cause(Enum):
    """Why the batch shall not run any longer, with the reason shown meanwhile."""

    SHUTDOWN = Reason.CANCELLED
    DEADLINE = Reason.DEADLINE_EXCEEDED
    SUSPENSION = Reason.SUSPENDING


def cause(view: View) -> Cause | None:
    """
    The strongest cause: shutdown before deadline before suspend (rule P16).

    What was begun is seen through; of the causes only a deadline can be taken back meanwhile.
    """
    if view.job.spec.shutdown is not None:
        return Cause.SHUTDOWN
    if deadline.exceeded(view):
        return Cause.DEADLINE
    if suspension.asked(view):
        return Cause.SUSPENSION
    return Cause.DEADLINE if view.status.state == State.CANCELLING else None


def shown(view: View, state: str | None) -> str | None:
    """The state of a job whose open batch was looked at: `state`, or that it is being cancelled."""
    return State.CANCELLING if view.status.state == State.CANCELLING else state


def read_due(view: View) -> bool:
    """Whether a batch that we have cancelled is to be looked at now; no callback may come."""
    cancel = _under_way(view)
    return cancel is not None and cancel.due <= view.monotonic


def decide(view: View, remote: Remote | None) -> Decision | None:
    """Write down that the open batch is being cancelled, cancel it, then wait for its end."""
    attempt, why = view.status.attempt, cause(view)
    if attempt is None or attempt.batch_name is None or why is None:
        return None
    if isinstance(remote, Gone | Unreadable):
        return None
    return _marked(view, why) or _sent(view, attempt.batch_name)


def _sent(view: View, batch: str) -> Decision:
    cancel = _under_way(view)
    if cancel is None or view.monotonic - cancel.sent >= AGAIN:
        return Cancel(batch)
    return Wait(max(0.0, cancel.due - view.monotonic))


def _under_way(view: View) -> Cancellation | None:
    """The cancel that this process has sent for the current batch."""
    cancel, attempt = view.facts.cancel, view.status.attempt
    if cancel is None or attempt is None or cancel.batch != attempt.batch_name:
        return None
    return cancel


def _marked(view: View, why: Cause) -> Write | None:
    """Before the cancel: a restart must know why a batch was found cancelled."""
    status = view.revise(state=State.CANCELLING)
    if why is Cause.SUSPENSION:
        status = view.condition(status, SUSPENDED, False, Reason.SUSPENDING)
    if status == view.revise():
        return None
    return Write(
        status, (_notice(view.status, why),) if view.status.state != State.CANCELLING else ()
    )


def _notice(status: Status, why: Cause) -> Event:
    reason = Reason.CANCELLING
    return Event(reason, reason.explain(f"Why: {why.value.value}. It is {status.batch_name}."))
