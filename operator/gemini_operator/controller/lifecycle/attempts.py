"""An attempt whose batch has ended without an end of the job: its name stays on record.

So that a deletion of the job takes the batch along, and a person can look it up at Google.
"""

from typing import Any, Final

from gemini_operator.api.conditions import STALLED, without_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt, Status, SupersededAttempt
from gemini_operator.controller.lifecycle.snapshot import Snapshot

# What the schema holds. An id of an unknown outcome is the last to be forgotten.
KEPT = 8

CLEARED: Final[dict[str, Any]] = {
    "attempt": None,
    "batch_name": None,
    "gemini_state": None,
    "requests": None,
}
"""What the current attempt leaves in the status; the next one begins without it."""


def retired(snapshot: Snapshot, reason: Reason) -> Status:
    """
    The status without its current attempt, which is kept on record with `reason`.

    Its event and its troubles are over with it: neither is the next attempt's.
    """
    status, attempt, event = snapshot.status, snapshot.status.attempt, snapshot.status.last_event
    if attempt is None:
        raise ValueError("there is no attempt to retire")
    return snapshot.revise(
        **CLEARED,
        superseded_attempts=recorded(status, attempt, reason),
        observed_event_id=event.id if event else status.observed_event_id,
        conditions=tuple(without_condition(status.conditions, STALLED)),
    )


def recorded(
    status: Status, attempt: Attempt, reason: Reason | None
) -> tuple[SupersededAttempt, ...]:
    """The superseded attempts with one more; `reason` is `None` while nothing is known of it."""
    past = SupersededAttempt.model_validate(
        {**attempt.model_dump(), "reason": None if reason is None else reason.value}
    )
    earlier = list(status.superseded_attempts)
    while len(earlier) >= KEPT:
        settled = next((a for a in earlier if a.reason is not None), earlier[0])
        earlier.remove(settled)
    return (*earlier, past)
