from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import duplicates, policies
from gemini_operator.controller.lifecycle.decisions import (
    DeleteRemote,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    NOW,
    a_batch,
    a_job,
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    finished,
    note,
    reason_of,
    submitted,
    time,
    unnamed,
    written,
)

LATE = "batches/late"
GIVEN_UP = [an_attempt(EARLIER)]


def surfaced(*batches: Any, **of_job: Any) -> Snapshot:
    """A job after a listing that shows these batches."""
    snapshot = a_snapshot(**of_job)
    note(snapshot, a_list_snapshot(*batches))
    return snapshot


def late(name: str = LATE, **members: Any) -> Any:
    """A batch of the superseded attempt."""
    return a_batch(name, attempt=EARLIER, **members)


@pytest.mark.parametrize("state", ["BATCH_STATE_RUNNING", "BATCH_STATE_SUCCEEDED"])
def test_p12_a_superseded_batch_is_adopted_while_nothing_else_was_sent(state: str) -> None:
    snapshot = surfaced(
        late(state=state), status={"state": "Queued", "supersededAttempts": GIVEN_UP}
    )
    status = written(duplicates.decide(snapshot))
    assert status.attempt is not None
    assert (status.attempt.id, status.attempt.batch_name) == (EARLIER, LATE)
    assert status.superseded_attempts == ()
    assert (status.batch_name, status.gemini_state) == (LATE, state)
    assert reason_of(status, "Submitted") == ("True", Reason.SUBMITTED)


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(unnamed(), id="sent, outcome unknown"),
        pytest.param(submitted(), id="has its batch"),
        pytest.param(finished(), id="has ended"),
        pytest.param({"state": "Failed", "completionTime": time()}, id="has failed without one"),
    ],
)
def test_p12_otherwise_it_is_cancelled_deleted_and_reported(status: dict[str, Any]) -> None:
    snapshot = surfaced(late(), status={**status, "supersededAttempts": GIVEN_UP})
    decision = duplicates.decide(snapshot)
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == (LATE,)
    assert decision.then is not None
    [settled] = decision.then.status.superseded_attempts
    assert (settled.id, settled.batch_name) == (EARLIER, LATE)
    assert settled.reason == Reason.DUPLICATE_CANCELLED
    [event] = decision.then.events
    assert event.reason == Reason.DUPLICATE_CANCELLED
    assert event.warning
    assert LATE in event.note
    assert decision.then.status.attempt == snapshot.status.attempt, "the kept one stays as it is"
    assert decision.then.status.completion_time == snapshot.status.completion_time


def test_p12_all_batches_of_a_superseded_attempt_go() -> None:
    status = submitted(supersededAttempts=GIVEN_UP)
    decision = duplicates.decide(surfaced(late(), late("batches/later"), status=status))
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == (LATE, "batches/later")


def test_p12_the_batch_that_the_job_keeps_is_never_cancelled() -> None:
    """A person gave the current attempt the batch of an earlier one."""
    status = submitted(supersededAttempts=GIVEN_UP)
    assert duplicates.decide(surfaced(late(BATCH), status=status)) is None
    decision = duplicates.decide(surfaced(late(BATCH), late(), status=status))
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == (LATE,)


def test_p12_a_duplicate_is_dealt_with_once() -> None:
    first = surfaced(late(), status=submitted(supersededAttempts=GIVEN_UP))
    decision = duplicates.decide(first)
    assert isinstance(decision, DeleteRemote)
    assert decision.then is not None
    after = a_snapshot(status=decision.then.status.dump(), facts=first.facts)
    assert duplicates.decide(after) is None


@pytest.mark.parametrize("batches", [[], [a_batch()]], ids=["nothing", "only the current one"])
def test_p12_a_listing_without_a_superseded_batch_says_nothing(batches: list[Any]) -> None:
    status = submitted(supersededAttempts=GIVEN_UP)
    assert duplicates.decide(surfaced(*batches, status=status)) is None


def test_p12_without_a_listing_nothing_has_surfaced() -> None:
    assert duplicates.decide(a_snapshot(status=submitted(supersededAttempts=GIVEN_UP))) is None


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([late(), late("batches/later")], id="several"),
        pytest.param([late(model="models/other")], id="another model"),
        pytest.param([late(created=NOW - timedelta(minutes=11))], id="older than the attempt"),
        pytest.param([late(created=None)], id="no time"),
    ],
)
def test_p11_what_does_not_fit_is_not_adopted_and_nothing_is_sent(batches: list[Any]) -> None:
    snapshot = surfaced(*batches, status={"supersededAttempts": GIVEN_UP})
    decision = policies.decide(snapshot, None)
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    again = a_snapshot(status=decision.status.dump(), facts=snapshot.facts)
    assert policies.decide(again, None) == RequeueAfter()


@pytest.mark.parametrize("choice", [LATE, "batches/later"])
def test_p13_a_person_may_choose_one_of_several(choice: str) -> None:
    snapshot = surfaced(
        late(),
        late("batches/later"),
        status={"supersededAttempts": GIVEN_UP},
        annotations={group.RESOLVE_SUBMISSION: choice},
    )
    assert written(policies.decide(snapshot, None)).batch_name == choice


def test_p13_a_person_may_choose_none_of_several_and_then_they_go() -> None:
    choice = {group.RESOLVE_SUBMISSION: f"Resubmit:{EARLIER}"}
    batches = late(), late("batches/later")
    snapshot = surfaced(*batches, status={"supersededAttempts": GIVEN_UP}, annotations=choice)
    assert policies.decide(snapshot, None) == Submit(number=2)
    sent = unnamed(supersededAttempts=GIVEN_UP)
    decision = policies.decide(surfaced(*batches, status=sent, annotations=choice), None)
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == (LATE, "batches/later")


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        ("batches/foreign", "it is none of them"),
        (f"Resubmit:{ATTEMPT}", "it speaks of another attempt"),
        ("Resubmit:", "it speaks of none"),
    ],
)
def test_p13_a_choice_of_something_else_decides_nothing(choice: str, why: str) -> None:
    snapshot = surfaced(
        late(),
        late("batches/later"),
        status={"supersededAttempts": GIVEN_UP},
        annotations={group.RESOLVE_SUBMISSION: choice},
    )
    status = written(policies.decide(snapshot, None))
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION), why


@pytest.mark.parametrize(
    ("status", "hours", "is_watched"),
    [
        pytest.param(submitted(supersededAttempts=GIVEN_UP), 10_000, True, id="unfinished"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 71, True, id="just ended"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 72, False, id="ended 72 h ago"),
        pytest.param(finished(), 0, False, id="no superseded attempt"),
        pytest.param(
            submitted(supersededAttempts=[an_attempt(EARLIER, reason="DuplicateCancelled")]),
            0,
            False,
            id="dealt with",
        ),
    ],
)
def test_p12_superseded_attempts_are_watched_until_72_hours_after_the_end(
    status: dict[str, Any], hours: int, is_watched: bool
) -> None:
    assert duplicates.watched(a_job(status=status), NOW + timedelta(hours=hours)) is is_watched
