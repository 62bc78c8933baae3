"""A missing, broken or refused API key stalls the job with a reason, and heals by itself."""

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import INHERITED, is_stalled_for, stalled

# What only a person can end. Trouble with the key does not hide it: the two would take turns.
ENDED_BY_A_PERSON = frozenset({Reason.AMBIGUOUS_SUBMISSION, Reason.NOT_SUPPORTED_YET})


# Nothing is said against the key: the others go on.
NOT_PERMITTED = (
    "Google does not permit this API key to do what the job asks; other jobs with the key are not "
    "affected. Permit it at Google, and the job recovers automatically; or create a new job that uses "
    "only what the key may use."
)
FILE_MISSING = (
    "The input's file is not available to this API key: upload it, or wait until Google has "
    "processed it. The job recovers automatically."
)


def inherited(snapshot: Snapshot, seconds: float) -> PatchStatus:
    """Say that the key was refused to another job; what Google has said to this one stays."""
    if is_stalled_for(snapshot, Reason.CREDENTIALS_REJECTED):
        return PatchStatus(snapshot.status, seconds=seconds)
    return stalled(snapshot, Reason.CREDENTIALS_REJECTED, INHERITED, seconds)


def decide(snapshot: Snapshot) -> Decision | None:
    """Show that a listing was refused; it is tried again all the same."""
    said = find(snapshot.status.conditions, STALLED)
    if snapshot.facts.refused is None or (said is not None and said.reason in ENDED_BY_A_PERSON):
        return None
    write = stalled(snapshot, Reason.CREDENTIALS_REJECTED, snapshot.facts.refused, 0.0)
    return write if write.status != snapshot.status else None
