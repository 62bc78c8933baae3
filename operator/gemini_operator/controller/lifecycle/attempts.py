"""The attempts of a job: which are on record, and what listings say about one without a batch.

The batch of an attempt that has ended without an end of the job stays on record, so that a deletion
of the job takes it along, and a person can look it up at Google.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gemini_operator.api.conditions import STALLED, without_condition
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Attempt, Status, SupersededAttempt
from gemini_operator.controller import memory
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import healed
from gemini_operator.gemini.remote import Summary

# What the schema holds. An id of an unknown outcome is the last to be forgotten.
KEPT = 8

CLEARED: Final[dict[str, Any]] = {
    "attempt": None,
    "batch_name": None,
    "gemini_state": None,
    "requests": None,
}
"""What the current attempt leaves in the status; the next one begins without it."""


MAX_INCOMPLETE = 3

OLDEST = timedelta(minutes=10)


@dataclass(frozen=True)
class Found:
    """Exactly one batch carries the attempt's token, and fits it."""

    summary: Summary


@dataclass(frozen=True)
class Nowhere:
    """Two complete listings, the second begun after the grace, show no batch of the attempt."""


@dataclass(frozen=True)
class Doubtful:
    """It cannot be told; `detail` says why, for a person."""

    detail: str


@dataclass(frozen=True)
class NotYet:
    """Another listing is needed in `seconds`, or one is under way (`None`)."""

    seconds: float | None


Verdict = Found | Nowhere | Doubtful | NotYet


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


def open_attempts(job: Job) -> tuple[SupersededAttempt, ...]:
    """The superseded attempts of which no batch has been dealt with."""
    return tuple(a for a in job.status.superseded_attempts if a.reason is None)


def unanswered(status: Status) -> tuple[SupersededAttempt, ...]:
    """The attempts that were given up without a name, whatever surfaced of them later."""
    return tuple(
        attempt
        for attempt in status.superseded_attempts
        if attempt.reason in (None, Reason.DUPLICATE_CANCELLED)
    )


def verdict(snapshot: Snapshot, attempt: Attempt, search: memory.Search) -> Verdict:
    """What the listings so far say about `attempt`."""
    list_snapshot = snapshot.facts.list_snapshot
    matches = list_snapshot.matches.get(attempt.id, ()) if list_snapshot else ()
    if len(matches) > 1:
        names = ", ".join(sorted(match.name for match in matches))
        return Doubtful(f"Several batches carry attempt {attempt.id}: {names}.")
    if matches:
        doubt = mismatch(snapshot, attempt, matches[0])
        return Doubtful(doubt) if doubt else Found(matches[0])
    if search.complete >= 2 and search.last_complete_begun >= search.grace_ends:
        return Nowhere()
    if search.incomplete_in_a_row >= MAX_INCOMPLETE:
        return Doubtful(
            f"Google's list was too long to read completely {MAX_INCOMPLETE} times in a row, so it is "
            f"not known whether attempt {attempt.id} has a batch."
        )
    if snapshot.facts.no_list and snapshot.monotonic >= search.grace_ends:
        return Doubtful(
            f"Google cannot list such jobs, so it is not known whether attempt {attempt.id} has one."
        )
    if search.under_way:
        return NotYet(None)
    return NotYet(max(0.0, search.due - snapshot.monotonic))


def mismatch(snapshot: Snapshot, attempt: Attempt, match: Summary) -> str | None:
    """Why `match` cannot be the batch of `attempt` although it carries its token; else `None`."""
    asked = normalise_model(snapshot.job.spec.model)
    if normalise_model(match.model) != asked:
        return (
            f"{match.name} carries attempt {attempt.id} but uses {match.model} instead of {asked}."
        )
    if match.created is None or match.created < attempt.start_time - OLDEST:
        return f"{match.name} carries attempt {attempt.id} but was created before it."
    return None


def supersede(snapshot: Snapshot, attempt: Attempt) -> PatchStatus:
    """Give `attempt` up but keep its id: its batch may yet surface (rule P12)."""
    superseded = recorded(snapshot.status, attempt, None)
    status = snapshot.revise(**CLEARED, state=State.QUEUED, superseded_attempts=superseded)
    return PatchStatus(healed(status))


def ambiguous(snapshot: Snapshot, detail: str) -> Decision:
    """Stop and ask a person; `detail` says what is doubtful."""
    reason = Reason.AMBIGUOUS_SUBMISSION
    status = snapshot.condition(snapshot.status, STALLED, True, reason, reason.explain(detail))
    if status == snapshot.status:
        return RequeueAfter()
    return PatchStatus(status, (Event(reason, detail, warning=True),))
