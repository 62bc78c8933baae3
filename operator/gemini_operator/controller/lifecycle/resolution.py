"""The ways out of an ambiguous submission, which only a person may take (rule P13)."""

from gemini_operator.api import group, names
from gemini_operator.controller.lifecycle import search
from gemini_operator.controller.lifecycle.ownership import carries_token
from gemini_operator.controller.lifecycle.view import Decision, Name, Remote, Seen, View

RESUBMIT = "Resubmit:"


def chosen_batch(view: View) -> str | None:
    """The batch that a person named for the current, still unnamed attempt."""
    attempt = view.status.attempt
    value = view.job.annotations.get(group.RESOLVE_SUBMISSION, "")
    if attempt is None or attempt.batch_name is not None:
        return None
    return value if names.matches(names.BATCH_NAME, value) else None


def decide(view: View, remote: Remote | None) -> Decision | None:
    """Take the batch that a person named, or give the attempt up because a person says so."""
    attempt = view.status.attempt
    if attempt is None or attempt.batch_name is not None:
        return None
    if view.job.annotations.get(group.RESOLVE_SUBMISSION) == f"{RESUBMIT}{attempt.id}":
        return search.supersede(view, attempt)
    name = chosen_batch(view)
    if name is None or not isinstance(remote, Seen) or remote.summary.name != name:
        return None
    return Name(remote.summary) if carries_token(view.job, remote.summary) else None
