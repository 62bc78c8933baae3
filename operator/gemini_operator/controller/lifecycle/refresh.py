"""The annotation `requested-at`: each new value asks for one read of the batch."""

from gemini_operator.api import group
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus, RequeueAfter
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def pending(snapshot: Snapshot) -> str | None:
    """Return the annotation's value if no read has answered it yet, else `None`."""
    asked = snapshot.job.annotations.get(group.REQUESTED_AT)
    return asked if asked and asked != snapshot.status.observed_request else None


def acknowledged(snapshot: Snapshot, decision: Decision) -> Decision:
    """Return `decision`, made after a read of the batch, with the pending request acknowledged."""
    asked = pending(snapshot)
    if asked is None:
        return decision
    match decision:
        case PatchStatus(status, events, seconds, retry):
            return PatchStatus(
                snapshot.revise(status, observed_request=asked), events, seconds, retry
            )
        case RequeueAfter():
            return PatchStatus(snapshot.revise(observed_request=asked))
        case _:
            # The others write no status here; a later reconcile acknowledges the request.
            return decision
