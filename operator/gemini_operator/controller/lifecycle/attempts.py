"""The attempts of a job: which are on record, and what lists show of one whose outcome is unknown.

An attempt whose batch ended while the job goes on stays on record (`status.supersededAttempts`).
So a deletion of the job deletes that batch too, and a user can look it up at Google.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED
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
from gemini_operator.controller.lifecycle.status import healed, without_stalled
from gemini_operator.gemini.remote import Summary

# The schema's maxItems of supersededAttempts. An attempt of unknown outcome is the last to be
# dropped: without its id a batch that surfaces later could not be recognised as a duplicate.
KEPT = 8

CLEARED: Final[dict[str, Any]] = {
    "attempt": None,
    "batch_name": None,
    "gemini_state": None,
    "requests": None,
}
"""The fields of the status that belong to the current attempt, cleared."""


# A list that is too long to be read whole never proves that there is no batch. After this many in
# a row a user has to decide.
MAX_INCOMPLETE = 3

# How much older than its attempt a batch may be, by Google's clock, which may differ from ours.
OLDEST = timedelta(minutes=10)


@dataclass(frozen=True)
class Found:
    """Exactly one batch carries the attempt's token, and its model and time fit the attempt."""

    summary: Summary


@dataclass(frozen=True)
class Nowhere:
    """The attempt has no batch: two complete lists, the second begun after the grace, lack it."""


@dataclass(frozen=True)
class Doubtful:
    """Lists do not settle it and a user has to decide; `detail` says why."""

    detail: str


@dataclass(frozen=True)
class OtherKey:
    """Lists are made with another API key than the attempt's, and do not show its batch."""

    detail: str


@dataclass(frozen=True)
class NotYet:
    """Another list is needed in `seconds`; `None` while one is under way."""

    seconds: float | None


Verdict = Found | Nowhere | Doubtful | OtherKey | NotYet


def retired(snapshot: Snapshot, reason: Reason) -> Status:
    """Return the status without its current attempt, which goes on record with `reason`.

    The pending event and the `Stalled` condition are dropped: they are about the old batch.

    Raises:
        ValueError: the job has no attempt.
    """
    status, attempt, event = snapshot.status, snapshot.status.attempt, snapshot.status.last_event
    if attempt is None:
        raise ValueError("there is no attempt to retire")
    return snapshot.revise(
        without_stalled(status),
        **CLEARED,
        superseded_attempts=recorded(status, attempt, reason),
        observed_event_id=event.id if event else status.observed_event_id,
    )


def recorded(
    status: Status, attempt: Attempt, reason: Reason | None
) -> tuple[SupersededAttempt, ...]:
    """Return the superseded attempts with one more; `reason` is `None` for an unknown outcome."""
    past = SupersededAttempt.model_validate(
        {**attempt.model_dump(), "reason": None if reason is None else reason.value}
    )
    earlier = list(status.superseded_attempts)
    while len(earlier) >= KEPT:
        settled = next((a for a in earlier if a.reason is not None), earlier[0])
        earlier.remove(settled)
    return (*earlier, past)


def open_attempts(job: Job) -> tuple[SupersededAttempt, ...]:
    """Return the superseded attempts of unknown outcome, whose batches may still surface."""
    return tuple(a for a in job.status.superseded_attempts if a.reason is None)


def unknown(job: Job) -> tuple[Attempt, ...]:
    """Return all attempts of unknown outcome: the current one if it has no batch, and earlier ones."""
    attempt = job.status.attempt
    current = (attempt,) if attempt is not None and attempt.batch_name is None else ()
    return (*current, *open_attempts(job))


def unanswered(status: Status) -> tuple[SupersededAttempt, ...]:
    """Return the attempts that were given up without a batch name.

    They count against the limit of attempts without an answer, even if a batch surfaced later and
    was cancelled. Attempts whose batch ended do not (decision 0015).
    """
    return tuple(
        attempt
        for attempt in status.superseded_attempts
        if attempt.reason in (None, Reason.DUPLICATE_CANCELLED)
    )


def verdict(snapshot: Snapshot, attempt: Attempt, search: memory.Search) -> Verdict:
    """Return what the lists of the key's batches so far show about `attempt`."""
    list_snapshot = snapshot.facts.list_snapshot
    matches = list_snapshot.matches.get(attempt.id, ()) if list_snapshot else ()
    if len(matches) > 1:
        names = ", ".join(sorted(match.name for match in matches))
        return Doubtful(f"Several batches carry attempt {attempt.id}: {names}.")
    if matches:
        doubt = mismatch(snapshot, attempt, matches[0])
        return Doubtful(doubt) if doubt else Found(matches[0])
    # One complete list is not enough: Google may list a new batch late. A list that began after the
    # grace cannot miss a create that was still on its way before (P11).
    if search.complete >= 2 and search.last_complete_begun >= search.grace_ends:
        return Nowhere()
    # Another key of the same project shows the batch, so its lists are waited for until the grace.
    if search.other_key_begun >= search.grace_ends:
        return OtherKey(other_key(attempt.id))
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


def other_key(*ids: str) -> str:
    """Say that lists with the API key in the Secret cannot show the batches of the attempts `ids`."""
    return (
        "The Secret no longer holds the API key that was used to submit "
        f"attempt {', '.join(sorted(ids))}, so Google's list cannot show whether there is a batch."
    )


def mismatch(snapshot: Snapshot, attempt: Attempt, match: Summary) -> str | None:
    """Return why `match`, which carries the token of `attempt`, is doubtful; `None` if it fits.

    Anybody with the API key can give a batch any display name, so the token alone is no proof (S6).
    """
    asked = normalise_model(snapshot.job.spec.model)
    if normalise_model(match.model) != asked:
        return (
            f"{match.name} carries attempt {attempt.id} but uses {match.model} instead of {asked}."
        )
    if match.created is None or match.created < attempt.start_time - OLDEST:
        return f"{match.name} carries attempt {attempt.id} but was created before it."
    return None


def supersede(snapshot: Snapshot, attempt: Attempt) -> PatchStatus:
    """Give up `attempt`, but keep its id on record, because its batch may still surface (P12)."""
    superseded = recorded(snapshot.status, attempt, None)
    status = snapshot.revise(**CLEARED, state=State.QUEUED, superseded_attempts=superseded)
    return PatchStatus(healed(status))


def ambiguous(snapshot: Snapshot, detail: str) -> Decision:
    """Stall the job until a user decides; `detail` says what is doubtful."""
    reason = Reason.AMBIGUOUS_SUBMISSION
    if snapshot.status.attempt is not None:
        detail += f" The current attempt is {snapshot.status.attempt.id}."
    if group.RESOLVE_SUBMISSION in snapshot.job.annotations:
        detail += " The annotation resolve-submission names neither it nor a batch of this job."
    status = snapshot.condition(snapshot.status, STALLED, True, reason, reason.explain(detail))
    if status == snapshot.status:
        return RequeueAfter()
    return PatchStatus(status, (Event(reason, reason.explain(detail), warning=True),))
