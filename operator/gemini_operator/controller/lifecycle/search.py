"""After an unknown outcome: find the batch before anything is sent again (rules P11 to P13)."""

from dataclasses import dataclass
from datetime import timedelta

from gemini_operator.api.conditions import STALLED
from gemini_operator.api.names import normalise_model
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.status import Attempt, Status, SupersededAttempt
from gemini_operator.controller import memory
from gemini_operator.controller.lifecycle import attempts
from gemini_operator.controller.lifecycle.credentials import healed
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Event,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.gemini.remote import Summary

MAX_SUPERSEDED = 3
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
            f"Google's list was too long to be read whole {MAX_INCOMPLETE} times in a row, so "
            f"attempt {attempt.id} may or may not have a batch."
        )
    if snapshot.facts.no_list and snapshot.monotonic >= search.grace_ends:
        return Doubtful(
            f"Google has no list of such jobs, so attempt {attempt.id} may or may not have one."
        )
    if search.under_way:
        return NotYet(None)
    return NotYet(max(0.0, search.due - snapshot.monotonic))


def mismatch(snapshot: Snapshot, attempt: Attempt, match: Summary) -> str | None:
    """Why `match` cannot be the batch of `attempt` although it carries its token; else `None`."""
    asked = normalise_model(snapshot.job.spec.model)
    if normalise_model(match.model) != asked:
        return (
            f"{match.name} carries attempt {attempt.id} but runs {match.model} instead of {asked}."
        )
    if match.created is None or match.created < attempt.start_time - OLDEST:
        return f"{match.name} carries attempt {attempt.id} but is older than it."
    return None


def decide(snapshot: Snapshot) -> Decision | None:
    """Settle the current attempt if it has no batch yet."""
    attempt, search = snapshot.status.attempt, snapshot.facts.search
    if attempt is None or attempt.batch_name is not None or search is None:
        return None
    match verdict(snapshot, attempt, search):
        case Found(summary):
            return RecordBatchName(summary)
        case Doubtful(detail):
            return ambiguous(snapshot, detail)
        case NotYet(seconds):
            return RequeueAfter() if seconds is None else ListRemote(seconds)
        case _ if len(unanswered(snapshot.status)) >= MAX_SUPERSEDED:
            return ambiguous(
                snapshot, f"{MAX_SUPERSEDED} attempts got no answer and show no batch at Google."
            )
        case _:
            return supersede(snapshot, attempt)


def unanswered(status: Status) -> tuple[SupersededAttempt, ...]:
    """The attempts that were given up without a name, whatever surfaced of them later."""
    return tuple(
        attempt
        for attempt in status.superseded_attempts
        if attempt.reason in (None, Reason.DUPLICATE_CANCELLED)
    )


def supersede(snapshot: Snapshot, attempt: Attempt) -> PatchStatus:
    """Give `attempt` up but keep its id: its batch may yet surface (rule P12)."""
    superseded = attempts.recorded(snapshot.status, attempt, None)
    status = snapshot.revise(**attempts.CLEARED, state=State.QUEUED, superseded_attempts=superseded)
    return PatchStatus(healed(status))


def ambiguous(snapshot: Snapshot, detail: str) -> Decision:
    """Stop and ask a person; `detail` says what is doubtful."""
    reason = Reason.AMBIGUOUS_SUBMISSION
    status = snapshot.condition(snapshot.status, STALLED, True, reason, reason.explain(detail))
    if status == snapshot.status:
        return RequeueAfter()
    return PatchStatus(status, (Event(reason, detail, warning=True),))
