"""Statuses whose attempt was removed by something other than the operator.

The operator clears an attempt together with its batch name and condition. An older CRD drops the
attempt alone, and so may another writer of `/status`. If such a job were taken for a new one, it
would be submitted and billed a second time (decision 0021).
"""

from gemini_operator.api.conditions import SUBMITTED, is_true
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle.attempts import ambiguous
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def decide(snapshot: Snapshot) -> Decision | None:
    """Stall a job that has no attempt although its status shows a batch or a create."""
    status = snapshot.status
    # An adopting job claims its batch in `batchName` before it has an attempt.
    if status.attempt is not None or snapshot.job.spec.adopt is not None:
        return None
    if not _speaks_of_a_batch(status):
        return None
    name = status.batch_name or "a batch whose name is not recorded"
    return ambiguous(
        snapshot,
        f"The status refers to {name}, but status.attempt is missing: an older CRD or another writer "
        "removed it. Nothing is submitted again. To get the results, create a job whose spec.adopt "
        f"names that batch and previousUID {snapshot.job.uid}.",
    )


def _speaks_of_a_batch(status: Status) -> bool:
    """Return whether the status shows a batch, or a create that is written ahead."""
    if status.batch_name is not None or is_true(status.conditions, SUBMITTED):
        return True
    return status.state == State.SUBMITTING
