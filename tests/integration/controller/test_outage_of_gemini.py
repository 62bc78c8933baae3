"""Gemini answers 503 for a while: every job goes on where it was."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.controller.conftest import NEVER, SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = ("--create-timeout", "2", "--submit-grace", "4")


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


ODD = {
    "503": {"action": "status", "status": 503},
    "200 without JSON": {"action": "status", "status": 200, "body": "<html>down</html>"},
    "200 with another JSON": {"action": "status", "status": 200, "body": []},
    "connection closed": {"action": "drop"},
    "cut off": {"action": "truncate"},
}


@pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
def test_an_end_that_cannot_be_read_is_shown_until_it_can(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    batch = shared.submitted(name)
    shared.emulator.fault("batches.get", count=None, **fault)
    shared.emulator.job(batch, "succeed")
    said = shared.wait_condition(name, "Reconciling", "RemoteUnavailable")
    assert "Since 20" in said["message"]
    assert shared.status(name)["reason"] == "RemoteUnavailable"
    shared.emulator.clear_faults()
    shared.wait_complete(name, timeout=60)
    assert not shared.condition(name, "Stalled")


@pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
def test_a_shutdown_cancels_the_batch_though_it_cannot_be_read(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    batch = shared.submitted(name)
    shared.emulator.fault("batches.get", count=None, **fault)
    shared.set(name, shutdown="Cancel")
    shared.emulator.wait(
        lambda state: any(
            job["name"] == batch and job["state"] == "BATCH_STATE_CANCELLED"
            for job in state["jobs"]
        )
    )
    said = shared.wait_condition(name, "Reconciling", "RemoteUnavailable")
    assert shared.status(name)["state"] == "Cancelling", said
    shared.emulator.clear_faults()
    shared.wait_condition(name, "Failed", "Cancelled", timeout=60)


def suspend(shared: Operator, name: str) -> None:
    shared.set(name, suspend=True)


def let_the_deadline_pass(shared: Operator, name: str) -> None:
    shared.set(name, activeDeadlineSeconds=1)


def delete(shared: Operator, name: str) -> None:
    shared.kubectl("delete", "gbj", name, "--wait=false")


@pytest.mark.parametrize("act", [suspend, let_the_deadline_pass, delete])
def test_what_needs_no_read_does_not_wait_for_one(
    shared: Operator, name: str, act: Callable[[Operator, str], None]
) -> None:
    batch = shared.submitted(name)
    shared.emulator.fault("batches.get", "status", status=503, count=None)
    act(shared, name)
    eventually(lambda: cancelled(shared, batch), timeout=30, what="the batch to be cancelled")
    assert shared.emulator.state()["faults"] != []
    shared.emulator.clear_faults()


def cancelled(shared: Operator, batch: str) -> bool:
    """Whether the batch is cancelled or deleted at Google."""
    states = {job["name"]: job["state"] for job in shared.emulator.state()["jobs"]}
    return states.get(batch) in (None, "BATCH_STATE_CANCELLED")


@pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
def test_a_create_that_gets_no_answer_is_shown_until_it_is_settled(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    shared.emulator.fault("batches.create", count=None, **fault)
    shared.emulator.fault("batches.list", count=None, **fault)
    shared.apply(inline_job(name))
    said = shared.wait_condition(name, "Reconciling", "RemoteUnavailable")
    assert "Since 20" in said["message"]
    unknown = shared.condition(name, "Submitted")
    assert unknown["reason"] == "OutcomeUnknown"
    assert "not known" in unknown["message"]
    assert not unknown["message"].endswith("..")
    assert "OutcomeUnknown" in shared.events_of(name)
    shared.emulator.clear_faults()
    shared.wait_condition(name, "Submitted", timeout=90)
    assert not shared.condition(name, "Stalled")
    assert len(shared.batches_of(name)) == 1


def _true_conditions(operator: Operator, name: str) -> set[str]:
    conditions = operator.status(name).get("conditions") or ()
    return {c["type"] for c in conditions if c["status"] == "True"}
