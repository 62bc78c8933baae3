from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import deadline, policies
from gemini_operator.controller.lifecycle.decisions import PatchStatus
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from tests.unit.controller.builders import (
    NOW,
    a_condition,
    a_snapshot,
    ago,
    finished,
    reason_of,
    submitted,
    unnamed,
    written,
)

QUEUED = {"state": "Queued", "startTime": ago(100)}


def limited(seconds: int | None = 60, status: dict[str, Any] | None = None) -> Snapshot:
    """A job that may take `seconds`; by default it has waited for a 429 to pass for 100."""
    spec = {} if seconds is None else {"activeDeadlineSeconds": seconds}
    return a_snapshot(spec=spec, status=QUEUED if status is None else status)


@pytest.mark.parametrize(
    ("seconds", "status", "left"),
    [
        pytest.param(None, submitted(startTime=ago(100)), None, id="no deadline"),
        pytest.param(60, {}, None, id="not begun: waiting in the queue costs no time"),
        pytest.param(60, submitted(startTime=ago(0)), 60.0, id="begun now"),
        pytest.param(60, unnamed(startTime=ago(59)), 1.0, id="a second left"),
        pytest.param(60, submitted(startTime=ago(60)), 0.0, id="over now"),
        pytest.param(60, QUEUED, 0.0, id="over long ago"),
        pytest.param(60, finished(startTime=ago(100)), None, id="finished in time"),
    ],
)
def test_the_time_of_a_job_runs_from_its_first_attempt_to_its_end(
    seconds: int | None, status: dict[str, Any], left: float | None
) -> None:
    snapshot = limited(seconds, status)
    assert deadline.remaining(snapshot) == left
    assert deadline.exceeded(snapshot) is (left == 0.0)


def test_p16_time_over_with_nothing_at_google_ends_the_job_at_once() -> None:
    decision = deadline.decide(limited())
    status = written(decision)
    assert reason_of(status, "Failed") == ("True", Reason.DEADLINE_EXCEEDED)
    assert reason_of(status, "Submitted") == ("False", Reason.DEADLINE_EXCEEDED)
    assert (status.state, status.completion_time, status.attempt) == ("Failed", NOW, None)
    assert status.failures == 0, "only FAILED and EXPIRED count (P15)"
    assert isinstance(decision, PatchStatus)
    assert [event.reason for event in decision.events] == [Reason.DEADLINE_EXCEEDED]


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(limited(None), id="no deadline"),
        pytest.param(limited(101), id="time left"),
        pytest.param(limited(status={}), id="never begun"),
        pytest.param(limited(status=submitted(startTime=ago(100))), id="a batch to cancel first"),
        pytest.param(limited(status=unnamed(startTime=ago(100))), id="an attempt to settle first"),
    ],
)
def test_p16_otherwise_it_does_not(snapshot: Snapshot) -> None:
    assert deadline.decide(snapshot) is None


def test_p16_suspended_time_does_not_count() -> None:
    """`startTime` is cleared on suspend, so there is nothing to count from."""
    suspended = {
        "state": "Suspended",
        "conditions": [a_condition("Suspended", "True", "Suspended")],
    }
    assert deadline.remaining(limited(status=suspended)) is None


def test_the_deadline_wakes_the_job() -> None:
    assert policies.alarm(limited(60, submitted(startTime=ago(20)))) == 40.0
