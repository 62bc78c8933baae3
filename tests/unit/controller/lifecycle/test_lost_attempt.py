"""P7: a status without its attempt, which only somebody else has taken away."""

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import lost_attempt, policies
from gemini_operator.controller.lifecycle.view import Submit, Wait, Write
from tests.unit.controller.builders import (
    ADOPTS,
    BATCH,
    UID,
    a_condition,
    a_view,
    reason_of,
    submitted,
)

SAID = [a_condition("Submitted", "True", "Submitted")]


@pytest.mark.parametrize(
    "status",
    [
        submitted(attempt=None),
        submitted(attempt=None, batchName=None),
        {"batchName": BATCH},
        {"conditions": SAID},
        {"state": "Submitting"},
    ],
    ids=["both", "condition", "name", "condition alone", "no answer yet"],
)
def test_p07_what_speaks_of_a_batch_is_not_submitted_again(status: dict[str, object]) -> None:
    view = a_view(status={name: value for name, value in status.items() if value is not None})
    decision = policies.decide(view, None)
    assert isinstance(decision, Write)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    message = decision.status.conditions[-1].message
    assert UID in message
    assert "previousUID" in message


def test_p07_it_is_said_once() -> None:
    decision = lost_attempt.decide(a_view(status={"batchName": BATCH}))
    assert isinstance(decision, Write)
    again = a_view(status=decision.status.dump())
    assert lost_attempt.decide(again) == Wait()


@pytest.mark.parametrize(
    "of_view",
    [
        {"status": submitted()},
        {"status": {"conditions": [a_condition("Submitted", "False", "Queued")]}},
        {"spec": ADOPTS, "status": {"batchName": BATCH}},
        {},
    ],
    ids=["attempt", "queued", "claim", "new"],
)
def test_a_status_that_is_whole_goes_on(of_view: dict[str, object]) -> None:
    assert lost_attempt.decide(a_view(**of_view)) is None  # type: ignore[arg-type]


def test_a_new_job_is_submitted() -> None:
    assert isinstance(policies.decide(a_view(), None), Submit)
