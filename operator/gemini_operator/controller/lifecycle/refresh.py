"""The annotation `requested-at`: each new value asks for one read of the batch."""

from gemini_operator.api import group
from gemini_operator.controller.lifecycle.view import Decision, View, Wait, Write


def pending(view: View) -> str | None:
    """The request that has not been acted on."""
    asked = view.job.annotations.get(group.REQUESTED_AT)
    return asked if asked and asked != view.status.observed_request else None


def acknowledged(view: View, decision: Decision) -> Decision:
    """`decision`, made after a read of the batch, which answers the pending request too."""
    asked = pending(view)
    if asked is None:
        return decision
    match decision:
        case Write(status, events, seconds, retry):
            return Write(view.revise(status, observed_request=asked), events, seconds, retry)
        case Wait():
            return Write(view.revise(observed_request=asked))
        case _:
            return decision
