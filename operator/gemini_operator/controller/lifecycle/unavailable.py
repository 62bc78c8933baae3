"""Google cannot be reached, or answers with errors: the job says so until a call works."""

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.model import rfc3339
from gemini_operator.api.reasons import Reason, in_order
from gemini_operator.controller.lifecycle.credentials import ENDED_BY_A_PERSON
from gemini_operator.controller.lifecycle.decisions import Decision, PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot, Unanswered
from gemini_operator.controller.lifecycle.status import healed, is_stalled_for, stalled
from gemini_operator.gemini.errors import GeminiError, Throttled

# Calls in a row that fail before the job says so: one error alone is not worth two writes.
ENOUGH = 2

# Reasons that matter more, and that no call answers.
KEPT = ENDED_BY_A_PERSON | {Reason.REMOTE_STUCK, Reason.KEY_CHANGED, Reason.DELETION_BLOCKED}


def unread(snapshot: Snapshot, remote: Unanswered) -> PatchStatus:
    """Report that the batch could not be read, and retry."""
    return after(snapshot, remote.error)


def after(snapshot: Snapshot, error: GeminiError) -> PatchStatus:
    """Report a call that failed, once there are several in a row, and retry with back-off."""
    at_least = error.retry_after or 0.0
    said = find(snapshot.status.conditions, STALLED)
    kept = said is not None and said.reason in KEPT
    if kept or not _lasts(snapshot):
        return PatchStatus(snapshot.status, (), at_least, retry=True)
    return _reported(snapshot, error, at_least)


def decide(snapshot: Snapshot) -> Decision | None:
    """Report lists that fail while the job waits for one, and that they work again."""
    attempt, error = snapshot.status.attempt, snapshot.facts.unlisted
    if attempt is None or attempt.batch_name is not None:
        return None
    if error is None:
        return _works(snapshot)
    if not _lasts(snapshot):
        return None
    write = _reported(snapshot, error, 0.0)
    # `None` once the status says so, so that the policies after this one can list again.
    return PatchStatus(write.status, write.events) if write.status != snapshot.status else None


def _works(snapshot: Snapshot) -> PatchStatus | None:
    # After a restart nothing is known until the first list.
    if snapshot.facts.list_snapshot is None:
        return None
    status = healed(snapshot.status)
    return PatchStatus(status) if is_stalled_for(snapshot, Reason.REMOTE_UNAVAILABLE) else None


def _lasts(snapshot: Snapshot) -> bool:
    known = is_stalled_for(snapshot, Reason.REMOTE_UNAVAILABLE)
    return known or snapshot.facts.failed_calls >= ENOUGH


def _reported(snapshot: Snapshot, error: GeminiError, at_least: float) -> PatchStatus:
    said = find(snapshot.status.conditions, STALLED)
    reason = Reason.REMOTE_UNAVAILABLE
    # The first words stay: each retry may get others, and every change is a write.
    known = said.message if said is not None and said.reason == reason else None
    detail = f"Since {rfc3339(snapshot.now)}: {str(error).rstrip('.')}."
    message = known or _explained(error, detail)
    write = stalled(snapshot, reason, "", message=message)
    return PatchStatus(write.status, write.events, at_least, retry=True)


def _explained(error: GeminiError, detail: str) -> str:
    if not isinstance(error, Throttled):
        return Reason.REMOTE_UNAVAILABLE.explain(detail)
    # Google answers, but not as often as it is asked.
    return in_order(
        "Google throttles the requests of this API key.",
        detail,
        "The operator asks less often, and retries automatically; a batch that runs at Google is not "
        "affected.",
    )
