"""Cancel the open batch for a shutdown, a deadline or a suspension (P16)."""

from enum import Enum

from gemini_operator.api.conditions import SUSPENDED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import deadline, suspension
from gemini_operator.controller.lifecycle.decisions import (
    Cancel,
    Decision,
    Event,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot, Unreadable
from gemini_operator.controller.memory import Cancellation

# Seconds after which a cancel without effect is sent again. Google answers a cancel before it
# carries it out, so an earlier repetition would only cost requests.
AGAIN = 600.0


class Cause(Enum):
    """Why the batch is cancelled: the state and the reason that the job gets by it."""

    SHUTDOWN = State.CANCELLED, Reason.CANCELLED, "spec.shutdown"
    DEADLINE = State.FAILED, Reason.DEADLINE_EXCEEDED, "spec.activeDeadlineSeconds"
    SUSPENSION = State.SUSPENDED, Reason.SUSPENDING, "spec.suspend"

    @property
    def end(self) -> tuple[State, Reason]:
        return self.value[:2]

    @property
    def field(self) -> str:
        return self.value[2]

    def said(self, snapshot: Snapshot) -> str:
        """Say who wanted the end."""
        if self is Cause.DEADLINE:
            return deadline.limit(snapshot)
        return f"{self.field} asked for it."


def cause(snapshot: Snapshot) -> Cause | None:
    """Return why the batch must be cancelled: shutdown before deadline before suspension (P16)."""
    if snapshot.job.spec.shutdown is not None:
        return Cause.SHUTDOWN
    if deadline.exceeded(snapshot):
        return Cause.DEADLINE
    if suspension.asked(snapshot):
        return Cause.SUSPENSION
    # A cancel that was begun is completed even if its cause is gone. Of the causes only a deadline
    # can be taken back: a shutdown cannot, and a suspension is remembered in its condition.
    return Cause.DEADLINE if snapshot.status.state == State.CANCELLING else None


def read_due(snapshot: Snapshot) -> bool:
    """Return whether to read the cancelled batch now; a callback may not come for a cancel."""
    cancel = _under_way(snapshot)
    return cancel is not None and cancel.due <= snapshot.monotonic


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """Write `Cancelling`, then cancel the open batch, then wait for its end."""
    attempt, why = snapshot.status.attempt, cause(snapshot)
    if attempt is None or attempt.batch_name is None or why is None:
        return None
    # There is nothing to cancel, or the key is refused: `observation` decides.
    if isinstance(remote, Gone | Unreadable):
        return None
    return _marked(snapshot, why) or _sent(snapshot, attempt.batch_name)


def _sent(snapshot: Snapshot, batch: str) -> Decision:
    cancel = _under_way(snapshot)
    if cancel is None or snapshot.monotonic - cancel.sent >= AGAIN:
        return Cancel(batch)
    return RequeueAfter(max(0.0, cancel.due - snapshot.monotonic))


def _under_way(snapshot: Snapshot) -> Cancellation | None:
    """Return the cancel that this process sent for the current batch; a restart sends it again."""
    cancel, attempt = snapshot.facts.cancel, snapshot.status.attempt
    if cancel is None or attempt is None or cancel.batch != attempt.batch_name:
        return None
    return cancel


def _marked(snapshot: Snapshot, why: Cause) -> PatchStatus | None:
    """Return the write that comes before the cancel; `None` if it is done.

    Without it a restarted process could not tell our cancel from one by a user at Google.
    """
    status = snapshot.revise(state=State.CANCELLING)
    if why is Cause.SUSPENSION:
        status = snapshot.condition(status, SUSPENDED, False, Reason.SUSPENDING)
    if status == snapshot.revise():
        return None
    return PatchStatus(
        status,
        (_notice(snapshot.status, why),) if snapshot.status.state != State.CANCELLING else (),
    )


def _notice(status: Status, why: Cause) -> Event:
    reason = Reason.CANCELLING
    return Event(reason, reason.explain(f"Cause: {why.field}. Batch: {status.batch_name}."))
