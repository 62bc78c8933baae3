from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from gemini_operator.api.conditions import SUBMITTED, with_condition
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import (
    Attempt,
    LastEvent,
    Requests,
    Status,
    SupersededAttempt,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ATTEMPT = Attempt(id="0123456789abcdef", number=1, start_time=NOW)
EVENT = LastEvent(id="msg_1", type="batch.succeeded", attempt=ATTEMPT.id, time=NOW)


def test_an_empty_status_is_written_as_nothing() -> None:
    assert Status().dump() == {}


def test_the_last_event_is_never_written() -> None:
    """P2: it belongs to the receiver."""
    assert Status(last_event=EVENT, state="Running").dump() == {"state": "Running"}


def test_members_are_written_under_their_json_names_and_absent_ones_not_at_all() -> None:
    status = Status(
        state="Running",
        conditions=with_condition((), SUBMITTED, True, Reason.SUBMITTED, generation=1, now=NOW),
        attempt=ATTEMPT,
        requests=Requests(total=3, succeeded=0, failed=0, pending=3),
        observed_event_id="msg_1",
    )

    assert status.dump() == {
        "state": "Running",
        "conditions": [
            {
                "type": "Submitted",
                "status": "True",
                "reason": "Submitted",
                "message": Reason.SUBMITTED.message,
                "observedGeneration": 1,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
        "attempt": {"id": "0123456789abcdef", "number": 1, "startTime": "2026-01-01T00:00:00Z"},
        "requests": {"total": 3, "succeeded": 0, "failed": 0, "pending": 3},
        "observedEventID": "msg_1",
    }


def test_counts_of_nothing_are_written() -> None:
    nothing = {"total": 0, "succeeded": 0, "failed": 0, "pending": 0}

    assert Status(requests=Requests(**nothing)).dump() == {"requests": nothing}


def test_what_is_written_is_read_back_equal() -> None:
    status = Status(
        attempt=ATTEMPT.model_copy(update={"batch_name": "batches/a"}),
        superseded_attempts=[
            SupersededAttempt(
                **{**ATTEMPT.model_dump(), "id": "f" * 16}, reason=Reason.DUPLICATE_CANCELLED
            )
        ],
        start_time=NOW + timedelta(milliseconds=900),
        failures=2,
    )

    assert Status.model_validate(status.dump()) == status
    assert Status.model_validate(status.dump()).dump() == status.dump()
    assert status.dump()["supersededAttempts"][0]["reason"] == "DuplicateCancelled"


def test_a_status_of_a_later_version_can_be_read() -> None:
    status = Status.model_validate({"state": "Running", "progress": 3, "attempt": None})

    assert status == Status(state="Running")


@pytest.mark.parametrize(
    "forged",
    [
        {"batchName": "batches/../files/a"},
        {"batchName": "files/a"},
        {"attempt": {"id": "0123", "number": 1, "startTime": "2026-01-01T00:00:00Z"}},
        {"inputFile": {"fileName": "batches/a"}},
        {"output": {"configMap": "../a"}},
        {"geminiState": "S" * 65},
        {"failures": -1},
    ],
    ids=str,
)
def test_s03_a_name_that_breaks_the_grammar_is_not_read(forged: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Status.model_validate(forged)
