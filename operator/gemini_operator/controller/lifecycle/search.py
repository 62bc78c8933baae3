"""Search for the batch of a create whose outcome is unknown, before anything is sent again.

A create is not idempotent: sent twice it is two batches and two bills (P11 to P13).
"""

from gemini_operator.api.conditions import SUBMITTED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.lifecycle.attempts import (
    Doubtful,
    Found,
    NotYet,
    OtherKey,
    ambiguous,
    supersede,
    unanswered,
    verdict,
)
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot

# Attempts without an answer after which a user has to decide: every further one is another batch
# that may surface and be billed.
MAX_SUPERSEDED = 3

RESTORE = "Restore that key, and the search continues automatically."


def decide(snapshot: Snapshot) -> Decision | None:
    """Search for the batch of the current attempt, if that has no batch name yet."""
    attempt, search = snapshot.status.attempt, snapshot.facts.search
    if attempt is None or attempt.batch_name is not None or search is None:
        return None
    match verdict(snapshot, attempt, search):
        case Found(summary):
            return RecordBatchName(summary)
        case Doubtful(detail):
            return ambiguous(snapshot, detail)
        case OtherKey(detail):
            return ambiguous(snapshot, f"{detail} {RESTORE}")
        case NotYet(seconds):
            told = _told(snapshot, attempt)
            return told or (RequeueAfter() if seconds is None else ListRemote(seconds))
        case _ if len(unanswered(snapshot.status)) >= MAX_SUPERSEDED:
            return ambiguous(
                snapshot,
                f"{len(unanswered(snapshot.status)) + 1} attempts got no answer, and Google shows no "
                "batch of them.",
            )
        case _:
            return supersede(snapshot, attempt)


def _told(snapshot: Snapshot, attempt: Attempt) -> PatchStatus | None:
    """Say what became of the create; `None` if that is said, or is not known in this process."""
    attempt_id, error = snapshot.facts.unknown_create or ("", "")
    if attempt_id != attempt.id:
        return None
    reason = Reason.OUTCOME_UNKNOWN
    message = reason.explain(f"{error.rstrip('.')}.")
    status = snapshot.condition(snapshot.status, SUBMITTED, False, reason, message)
    event = Event(reason, message, warning=True)
    return None if status == snapshot.status else PatchStatus(status, (event,))
