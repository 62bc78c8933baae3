"""The annotation `resolve-submission`: a user settles an ambiguous submission (P13)."""

from gemini_operator.api import group, names
from gemini_operator.controller.lifecycle.attempts import supersede
from gemini_operator.controller.lifecycle.decisions import Decision, RecordBatchName
from gemini_operator.controller.lifecycle.ownership import carries_token
from gemini_operator.controller.lifecycle.snapshot import Remote, Seen, Snapshot

RESUBMIT = "Resubmit:"


def chosen_batch(snapshot: Snapshot) -> str | None:
    """Return the batch that a user named for the current attempt, if that has no batch yet."""
    attempt = snapshot.status.attempt
    value = snapshot.job.annotations.get(group.RESOLVE_SUBMISSION, "")
    if attempt is None or attempt.batch_name is not None:
        return None
    return value if names.matches(names.BATCH_NAME, value) else None


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """Record the batch that a user named, or give up the attempt if a user asks for a new one."""
    attempt = snapshot.status.attempt
    if attempt is None or attempt.batch_name is not None:
        return None
    # The annotation names the attempt, so it permits one new batch and no later one.
    if snapshot.job.annotations.get(group.RESOLVE_SUBMISSION) == f"{RESUBMIT}{attempt.id}":
        return supersede(snapshot, attempt)
    name = chosen_batch(snapshot)
    if name is None or not isinstance(remote, Seen) or remote.summary.name != name:
        return None
    # The user may have mistyped the name. Without one of the job's tokens the batch is not its own.
    return RecordBatchName(remote.summary) if carries_token(snapshot.job, remote.summary) else None
