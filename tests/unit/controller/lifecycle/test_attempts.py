from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.lifecycle import attempts
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    FINGERPRINT,
    a_condition,
    a_job,
    a_snapshot,
    an_attempt,
    an_event,
    reason_of,
    submitted,
    unnamed,
)

NEW = Attempt.model_validate(an_attempt())


def given_up(number: int, reason: str | None = None) -> dict[str, Any]:
    members: dict[str, Any] = {"reason": reason} if reason else {}
    return an_attempt(f"{number:016x}", **members)


def test_an_ended_batch_stays_on_record_with_its_name_and_how_it_ended() -> None:
    """So that a deletion of the job takes it along."""
    snapshot = a_snapshot(status=submitted(supersededAttempts=[an_attempt(EARLIER)]))
    status = attempts.retired(snapshot, Reason.REMOTE_FAILED)
    assert status.attempt is None
    earlier, old = status.superseded_attempts
    assert (earlier.id, earlier.reason) == (EARLIER, None)
    assert (old.id, old.batch_name, old.reason) == (ATTEMPT, BATCH, "RemoteFailed")
    assert old.api_key_fingerprint == FINGERPRINT, "by which a swapped key is noticed (S11)"


def test_p07_the_next_attempt_begins_with_nothing_of_it() -> None:
    counts = {"total": 1, "succeeded": 0, "failed": 0, "pending": 1}
    stalled = a_condition("Stalled", "True", "RemoteStuck")
    snapshot = a_snapshot(
        status=submitted(requests=counts, conditions=[stalled], lastEvent=an_event())
    )
    status = attempts.retired(snapshot, Reason.REMOTE_EXPIRED)
    assert {name: getattr(status, name) for name in attempts.CLEARED} == attempts.CLEARED
    assert reason_of(status, "Stalled") is None
    assert status.observed_event_id == "event-1"


def test_p17_the_last_event_acted_on_stays_known() -> None:
    snapshot = a_snapshot(status=submitted(observedEventID="event-0"))
    assert attempts.retired(snapshot, Reason.REMOTE_FAILED).observed_event_id == "event-0"


def test_only_an_attempt_can_be_retired() -> None:
    with pytest.raises(ValueError, match="no attempt"):
        attempts.retired(a_snapshot(), Reason.REMOTE_FAILED)


def test_p12_every_attempt_of_unknown_outcome_is_told_from_the_others() -> None:
    past = [an_attempt(EARLIER), given_up(1, "RemoteFailed")]
    named = a_job(status=submitted(supersededAttempts=past))
    assert [attempt.id for attempt in attempts.unknown(named)] == [EARLIER]
    open_ = a_job(status=unnamed(supersededAttempts=past))
    assert [attempt.id for attempt in attempts.unknown(open_)] == [ATTEMPT, EARLIER]


@pytest.mark.parametrize(
    ("earlier", "kept"),
    [
        pytest.param([given_up(n) for n in range(7)], [0, 1, 2, 3, 4, 5, 6], id="room"),
        pytest.param([given_up(n) for n in range(8)], [1, 2, 3, 4, 5, 6, 7], id="the oldest goes"),
        pytest.param(
            [given_up(n, "RemoteFailed" if n in (3, 5) else None) for n in range(8)],
            [0, 1, 2, 4, 5, 6, 7],
            id="a settled one goes first",
        ),
        pytest.param(
            [given_up(n, "RemoteFailed") for n in range(8)], [1, 2, 3, 4, 5, 6, 7], id="all settled"
        ),
    ],
)
def test_p12_what_is_not_settled_is_the_last_to_be_forgotten(
    earlier: list[dict[str, Any]], kept: list[int]
) -> None:
    status = a_snapshot(status=submitted(supersededAttempts=earlier)).status
    after = attempts.recorded(status, NEW, None)
    assert [attempt.id for attempt in after] == [*(f"{n:016x}" for n in kept), ATTEMPT]
    assert len(after) <= attempts.KEPT
