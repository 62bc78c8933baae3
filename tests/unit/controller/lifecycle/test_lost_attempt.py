"""P7: a status without its attempt, which only somebody else has taken away."""

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import lost_attempt, policies
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RequeueAfter, Submit
from tests.unit.controller.builders import (
    ADOPTS,
    BATCH,
    UID,
    a_condition,
    a_snapshot,
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
    snapshot = a_snapshot(
        status={name: value for name, value in status.items() if value is not None}
    )
    decision = policies.decide(snapshot, None)
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    message = decision.status.conditions[-1].message
    assert UID in message
    assert "previousUID" in message


def test_p07_it_is_said_once() -> None:
    decision = lost_attempt.decide(a_snapshot(status={"batchName": BATCH}))
    assert isinstance(decision, PatchStatus)
    again = a_snapshot(status=decision.status.dump())
    assert lost_attempt.decide(again) == RequeueAfter()


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
    assert lost_attempt.decide(a_snapshot(**of_view)) is None  # type: ignore[arg-type]


def test_a_new_job_is_submitted() -> None:
    assert isinstance(policies.decide(a_snapshot(), None), Submit)
