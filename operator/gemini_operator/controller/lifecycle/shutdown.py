"""`shutdown: Cancel`: end the job and keep its object."""

from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed

DETAIL = "spec.shutdown asked for it while no batch of the job ran at Google."


def decide(snapshot: Snapshot) -> Decision | None:
    """End a job that has no attempt; `cancellation` cancels the batches of the others."""
    if snapshot.status.attempt is not None or snapshot.job.spec.shutdown is None:
        return None
    return failed(snapshot, Reason.CANCELLED, DETAIL, state=State.CANCELLED)
