"""`backoffLimit` and what comes after an end without results (rule P15)."""

import pytest

from tests.integration.controller.conftest import NEVER
from tests.operator_process import QUICK_GRACE, Operator
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = QUICK_GRACE


def test_p15_a_failed_batch_is_followed_by_as_many_as_allowed(shared: Operator, name: str) -> None:
    first = shared.submitted(name, backoffLimit=1)
    shared.emulator.job(first, "fail")
    eventually(lambda: shared.condition(name, "Submitted").get("reason") == "Retrying")
    status = shared.status(name)
    assert (status["failures"], status["state"]) == (1, "Queued")
    assert "attempt" not in status
    shared.wait_condition(name, "Submitted", "Submitted")
    status = shared.status(name)
    assert status["attempt"]["number"] == 2
    shared.emulator.job(status["batchName"], "expire")
    shared.wait_condition(name, "Failed", "BackoffLimitExceeded")
    assert shared.status(name)["failures"] == 2
    assert len(shared.batches_of(name)) == 2
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert shared.batches_of(name) == []


@pytest.mark.parametrize(
    ("action", "reason"), [("fail", "RemoteFailed"), ("expire", "RemoteExpired")]
)
def test_without_retries_the_end_is_named(
    shared: Operator, name: str, action: str, reason: str
) -> None:
    batch = shared.submitted(name)
    shared.emulator.job(batch, action)
    shared.wait_condition(name, "Failed", reason)
    assert shared.status(name)["failures"] == 1


def test_p15_a_batch_cancelled_at_google_is_not_tried_again(shared: Operator, name: str) -> None:
    batch = shared.submitted(name, backoffLimit=3)
    shared.emulator.job(batch, "cancel")
    shared.wait_condition(name, "Failed", "Cancelled")
    assert len(shared.batches_of(name)) == 1
