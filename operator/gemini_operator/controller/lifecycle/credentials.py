"""API keys that are missing or refused: the job says so and recovers automatically with a good key."""

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason, in_order
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import INHERITED, is_stalled_for, stalled
from gemini_operator.gemini.errors import CredentialsRejected, FileMissing, PermissionDenied
from gemini_operator.gemini.remote import ENDS, outcome_of

# Stalled reasons only a user can clear. A key problem must not overwrite them, or the two would
# alternate on every reconcile.
ENDED_BY_A_PERSON = frozenset({Reason.AMBIGUOUS_SUBMISSION})


def secret_of(job: Job) -> str:
    """Name the Secret and its key, as messages about an API key begin."""
    return f"Secret {job.api_key.secret}, key {job.api_key.key}"


def rejected(job: Job, error: CredentialsRejected) -> str:
    """Say that Google refused the API key, and where it is."""
    return Reason.CREDENTIALS_REJECTED.explain(f"{secret_of(job)}: {error}")


def not_permitted(error: PermissionDenied) -> str:
    """Say that Google refused the job's request and not the API key, which other jobs may use."""
    return in_order(
        "Google does not permit this API key to do what the job asks; other jobs with the key are "
        "not affected.",
        error,
        "Permit it at Google, and the job recovers automatically; or create a new job (kubectl "
        "replace --force -f FILE) that uses only what the key may use.",
    )


def file_missing(name: str | None, error: FileMissing) -> str:
    """Say that Google does not find the input's file `name` with this API key."""
    return in_order(
        "The input's file is not available to this API key.",
        f"{f'Input: {name}. ' if name else ''}{error}",
        "Upload it, or wait until Google has processed it; the job recovers automatically.",
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


def unusable(
    snapshot: Snapshot, reason: Reason, detail: str, seconds: float | None = None
) -> PatchStatus:
    """Stall the job because its Secret has no usable API key, or Google refuses the key.

    If its batch has not ended, the message says that it goes on: a batch is billed whether or not
    the operator can reach it.

    Args:
        snapshot: the job.
        reason: `CredentialsMissing` or `CredentialsRejected`.
        detail: what is wrong with the Secret, or Google's words.
        seconds: until the next reconcile; `None` for the pause of such jobs.
    """
    if reason is Reason.CREDENTIALS_REJECTED:
        detail = f"{secret_of(snapshot.job)}: {detail}"
    batch, state = snapshot.status.batch_name, snapshot.status.gemini_state
    if batch is not None and outcome_of(state or "") not in ENDS:
        detail = f"{detail.rstrip('.')}. {batch} goes on at Google meanwhile."
    return stalled(snapshot, reason, detail, seconds)


def decide(snapshot: Snapshot) -> Decision | None:
    """Stall the job if there was no usable API key when its batches were to be listed."""
    said, problem = find(snapshot.status.conditions, STALLED), snapshot.facts.key_problem
    if problem is None or (said is not None and said.reason in ENDED_BY_A_PERSON):
        return None
    write = unusable(snapshot, problem.reason, problem.message, 0.0)
    # `None` once the status says so, so that the policies after this one can list again.
    return write if write.status != snapshot.status else None
