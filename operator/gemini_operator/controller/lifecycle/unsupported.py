"""Fields that the CRD has and this version does not implement: they stall the job.

Ignoring such a field would submit, and bill, a batch that the user did not ask for.
"""

from gemini_operator.api.conditions import STALLED, find
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
from gemini_operator.controller.lifecycle.status import without_stalled


def unsupported(spec: Spec) -> list[str]:
    """Return the paths of the fields in `spec` that are set and not implemented."""
    fields = {
        "spec.input.object": spec.input is not None and spec.input.object is not None,
        "spec.output.object": spec.output is not None and spec.output.object is not None,
    }
    return [name for name, used in fields.items() if used]


def decide(snapshot: Snapshot) -> Decision | None:
    """Stall a job that uses such fields; clear the condition when it no longer does."""
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
        # A batch that is open already is followed to its end.
        return RequeueAfter() if snapshot.status.attempt is None else None
    if ours and stalled is not None and stalled.status == "True":
        return PatchStatus(without_stalled(snapshot.revise()))
    return None
