"""Fields whose behaviour is not there yet are refused in plain words, never ignored."""

from gemini_operator.api.conditions import STALLED, find, without_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.spec import Spec
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def unsupported(spec: Spec) -> list[str]:
    """The fields of `spec` that are set to other than their default and not honoured yet."""
    fields = {
        "spec.input.object": spec.input is not None and spec.input.object is not None,
        "spec.output.object": spec.output is not None and spec.output.object is not None,
    }
    return [name for name, used in fields.items() if used]


def decide(snapshot: Snapshot) -> Decision | None:
    """Stall a job that asks for more than we do; a batch that is already open is still followed."""
    fields = unsupported(snapshot.job.spec)
    stalled = find(snapshot.status.conditions, STALLED)
    ours = stalled is not None and stalled.reason == Reason.NOT_SUPPORTED_YET
    if fields:
        message = Reason.NOT_SUPPORTED_YET.explain(f"Fields: {', '.join(fields)}.")
        status = snapshot.condition(
            snapshot.status, STALLED, True, Reason.NOT_SUPPORTED_YET, message
        )
        if status != snapshot.status:
            event = Event(Reason.NOT_SUPPORTED_YET, message, warning=True)
            return PatchStatus(
                snapshot.revise(status, state=status.state or State.QUEUED), (event,)
            )
        return RequeueAfter() if snapshot.status.attempt is None else None
    if ours and stalled is not None and stalled.status == "True":
        return PatchStatus(
            snapshot.revise(
                conditions=tuple(without_condition(snapshot.status.conditions, STALLED))
            )
        )
    return None
