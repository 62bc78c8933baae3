"""A status that has lost its attempt must not look like one that never had any.

The operator never takes an attempt away and leaves its batch in the status. An older CRD does, or
whoever may write statuses; what is submitted then is a second bill.
"""

from gemini_operator.api.conditions import SUBMITTED, is_true
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle.attempts import ambiguous
from gemini_operator.controller.lifecycle.decisions import Decision
from gemini_operator.controller.lifecycle.snapshot import Snapshot


def decide(snapshot: Snapshot) -> Decision | None:
    """Stop and ask a person where the rest of the status speaks of a batch."""
    status = snapshot.status
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
    """Or of a create that was written ahead and has no answer yet."""
    if status.batch_name is not None or is_true(status.conditions, SUBMITTED):
        return True
    return status.state == State.SUBMITTING
