"""API keys that Google refuses: the job is stalled and recovers automatically with a good key."""

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import INHERITED, is_stalled_for, stalled

# Stalled reasons only a user can clear. A key problem must not overwrite them, or the two would
# alternate on every reconcile.
ENDED_BY_A_PERSON = frozenset({Reason.AMBIGUOUS_SUBMISSION})


# Google refused this job's request, not the API key, so the other jobs of the key are not blocked.
NOT_PERMITTED = (
    "Google does not permit this API key to do what the job asks; other jobs with the key are not "
    "affected. Permit it at Google, and the job recovers automatically; or create a new job "
    "(kubectl replace --force -f FILE) that uses only what the key may use."
)
FILE_MISSING = (
    "The input's file is not available to this API key: upload it, or wait until Google has "
    "processed it. The job recovers automatically."
)


def inherited(snapshot: Snapshot, seconds: float) -> PatchStatus:
    """Stall the job because Google refused its API key to another job.

    If Google refused this job's own create, that message stays.

    Args:
        snapshot: the job.
        seconds: until the next reconcile. A new key in the Secret causes one before.
    """
    if is_stalled_for(snapshot, Reason.CREDENTIALS_REJECTED):
        return PatchStatus(snapshot.status, seconds=seconds)
    return stalled(snapshot, Reason.CREDENTIALS_REJECTED, INHERITED, seconds)


def decide(snapshot: Snapshot) -> Decision | None:
    """Stall the job if Google refused its API key when the batches were listed."""
    said = find(snapshot.status.conditions, STALLED)
    if snapshot.facts.refused is None or (said is not None and said.reason in ENDED_BY_A_PERSON):
        return None
    write = stalled(snapshot, Reason.CREDENTIALS_REJECTED, snapshot.facts.refused, 0.0)
    # `None` once the status says so, so that the policies after this one can list again.
    return write if write.status != snapshot.status else None
