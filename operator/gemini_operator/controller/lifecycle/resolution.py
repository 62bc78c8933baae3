"""The ways out of an ambiguous submission, which only a person may take (rule P13)."""

from gemini_operator.api import group, names
from gemini_operator.controller.lifecycle.attempts import supersede
from gemini_operator.controller.lifecycle.decisions import Decision, RecordBatchName
from gemini_operator.controller.lifecycle.ownership import carries_token
from gemini_operator.controller.lifecycle.snapshot import Remote, Seen, Snapshot

RESUBMIT = "Resubmit:"


def chosen_batch(snapshot: Snapshot) -> str | None:
    """The batch that a person named for the current, still unnamed attempt."""
    attempt = snapshot.status.attempt
    value = snapshot.job.annotations.get(group.RESOLVE_SUBMISSION, "")
    if attempt is None or attempt.batch_name is not None:
        return None
    return value if names.matches(names.BATCH_NAME, value) else None


def decide(snapshot: Snapshot, remote: Remote | None) -> Decision | None:
    """Take the batch that a person named, or give the attempt up because a person says so."""
    attempt = snapshot.status.attempt
    if attempt is None or attempt.batch_name is not None:
        return None
    if snapshot.job.annotations.get(group.RESOLVE_SUBMISSION) == f"{RESUBMIT}{attempt.id}":
        return supersede(snapshot, attempt)
    name = chosen_batch(snapshot)
    if name is None or not isinstance(remote, Seen) or remote.summary.name != name:
        return None
    return RecordBatchName(remote.summary) if carries_token(snapshot.job, remote.summary) else None
