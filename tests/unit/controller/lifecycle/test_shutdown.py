from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import policies, shutdown
from gemini_operator.controller.lifecycle.decisions import (
    ListRemote,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from tests.unit.controller.builders import (
    ADOPTS,
    ATTEMPT,
    BATCH,
    EARLIER,
    NOW,
    a_condition,
    a_snapshot,
    an_attempt,
    reason_of,
    submitted,
    unnamed,
    written,
)

SHUTDOWN = {"shutdown": "Cancel"}


@pytest.mark.parametrize(
    "of_job",
    [
        pytest.param({"has_finalizer": False}, id="new"),
        pytest.param(
            {"status": {"state": "Queued", "startTime": "2026-01-01T00:00:00Z"}}, id="429"
        ),
        pytest.param({"status": {"supersededAttempts": [an_attempt(EARLIER)]}}, id="given up"),
    ],
)
def test_p16_a_job_with_nothing_at_google_ends_at_once_and_sends_nothing(
    of_job: dict[str, Any],
) -> None:
    decision = policies.decide(a_snapshot(spec=SHUTDOWN, **of_job), None)
    status = written(decision)
    assert reason_of(status, "Failed") == ("True", Reason.CANCELLED)
    assert (status.state, status.completion_time) == ("Cancelled", NOW)
    assert isinstance(decision, PatchStatus)
    [event] = decision.events
    assert event.reason == Reason.CANCELLED
    assert event.note == Reason.CANCELLED.explain(shutdown.DETAIL) == status.conditions[-1].message


def test_p16_an_unsettled_attempt_is_settled_first_and_then_not_repeated() -> None:
    snapshot = a_snapshot(spec=SHUTDOWN, status=unnamed())
    assert policies.decide(snapshot, None) == ListRemote(0.0)
    assert shutdown.decide(snapshot) is None


def test_p16_a_batch_at_google_is_left_to_the_cancellation() -> None:
    assert shutdown.decide(a_snapshot(spec=SHUTDOWN, status=submitted())) is None


def test_p16_shutdown_goes_before_suspend() -> None:
    """And a job that has ended is not suspended any more."""
    suspended = {
        "state": "Suspended",
        "conditions": [a_condition("Suspended", "True", "Suspended")],
    }
    snapshot = a_snapshot(spec=SHUTDOWN | {"suspend": True}, status=suspended)
    status = written(policies.decide(snapshot, None))
    assert reason_of(status, "Failed") == ("True", Reason.CANCELLED)
    assert reason_of(status, "Suspended") is None


def test_p25_a_claim_ends_with_the_job() -> None:
    """Nobody else must be kept from the batch."""
    snapshot = a_snapshot(spec=ADOPTS | SHUTDOWN, status={"state": "Pending", "batchName": BATCH})
    assert written(policies.decide(snapshot, None)).batch_name is None


def test_without_shutdown_nothing_ends() -> None:
    assert shutdown.decide(a_snapshot()) is None
    assert policies.decide(a_snapshot(), None) == Submit(1)


def test_p13_a_person_may_give_a_doubtful_attempt_up_and_nothing_is_sent_again() -> None:
    stalled = a_condition("Stalled", "True", "AmbiguousSubmission")
    choice = {"gemini-operator.io/resolve-submission": f"Resubmit:{ATTEMPT}"}
    snapshot = a_snapshot(spec=SHUTDOWN, status=unnamed(conditions=[stalled]), annotations=choice)
    given_up = written(policies.decide(snapshot, None))
    ended = policies.decide(
        a_snapshot(spec=SHUTDOWN, status=given_up.dump(), annotations=choice), None
    )
    assert written(ended).state == "Cancelled"
    over = a_snapshot(spec=SHUTDOWN, status=written(ended).dump(), annotations=choice)
    assert policies.decide(over, None) == RequeueAfter()
