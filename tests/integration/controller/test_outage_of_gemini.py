"""Gemini answers 503 for a while: every job goes on where it was."""

import time

import pytest

from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually


@SLOW
@pytest.mark.timeout(240)
def test_gemini_that_answers_503_for_a_while_costs_neither_a_batch_nor_a_restart(
    operator: Operator, outage: float
) -> None:
    operator.start("--sweep-interval", "5")
    ended, stopped = operator.submitted("ended"), operator.submitted("stopped")
    deleted = operator.submitted("deleted")
    pid = operator.controller.pid
    operator.emulator.fault("batches.*", "status", status=503, count=None)
    operator.emulator.job(ended, "succeed")
    operator.set("stopped", shutdown="Cancel")
    operator.kubectl("delete", "gbj", "deleted", "--wait=false")
    operator.apply(inline_job("new"))
    time.sleep(outage)
    for name in ("ended", "stopped", "new"):
        assert not {"Complete", "Failed"} & _true_conditions(operator, name), name
    assert operator.exists("deleted")
    assert operator.status("deleted")["state"] == "Deleting"
    for name in ("ended", "stopped", "new"):
        said = operator.wait_condition(name, "Reconciling", "RemoteUnavailable")
        assert "503" in said["message"], name
        assert "Since 20" in said["message"], name
        assert operator.status(name)["reason"] == "RemoteUnavailable"
        assert "RemoteUnavailable" in operator.events_of(name)
    assert operator.status("stopped")["state"] == "Cancelling", "it does not wait for a read"
    operator.emulator.clear_faults()
    operator.wait_complete("ended", timeout=60)
    operator.wait_condition("stopped", "Failed", "Cancelled", timeout=60)
    operator.wait_condition("new", "Submitted", timeout=60)
    eventually(lambda: not operator.exists("deleted"), timeout=60, what="the deletion")
    new = operator.status("new")["batchName"]
    assert operator.condition("new", "Stalled") == {}
    assert "reason" not in operator.status("new")
    left = {batch["name"]: batch["state"] for batch in operator.batches()}
    assert left == {
        ended: "BATCH_STATE_SUCCEEDED",
        stopped: "BATCH_STATE_CANCELLED",
        new: "BATCH_STATE_PENDING",
    }
    assert deleted not in left
    assert operator.controller.running()
    assert operator.controller.pid == pid


def _true_conditions(operator: Operator, name: str) -> set[str]:
    conditions = operator.status(name).get("conditions") or ()
    return {c["type"] for c in conditions if c["status"] == "True"}
