"""Google did it, and we were told that it failed: one kept batch, and a status that is true.

What `test_answers_to_create.py` says of the create is said here of the cancel and the delete.
"""

from typing import Any

import pytest

from tests.integration.controller.conftest import NEVER
from tests.operator_process import QUICK_GRACE, Operator, inline_job, job
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = QUICK_GRACE

EXECUTED = [
    {"action": "status", "status": 500},
    {"action": "status", "status": 503},
    {"action": "drop"},
    {"action": "truncate"},
]
CANCELLED = ["BATCH_STATE_CANCELLED"]
LATE = 31.0
"""Seconds: longer than we wait for the answer to a cancel or a delete."""

executed = pytest.mark.parametrize(
    "fault", EXECUTED, ids=lambda f: f"{f['action']}{f.get('status', '')}"
)


def states(operator: Operator, name: str) -> list[str]:
    return [batch["state"] for batch in operator.batches_of(name)]


@executed
def test_p16_a_cancel_that_was_carried_out_ends_a_job_that_is_shut_down(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    shared.submitted(name)
    shared.emulator.fault("batches.cancel", when="after", **fault)
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Failed", "Cancelled")
    assert states(shared, name) == CANCELLED
    assert shared.condition(name, "Stalled")["reason"] == "Cancelled"


@executed
def test_p16_a_cancel_that_was_carried_out_suspends_a_job_that_then_gets_one_new_batch(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    shared.submitted(name)
    shared.emulator.fault("batches.cancel", when="after", **fault)
    shared.set(name, suspend=True)
    shared.wait_condition(name, "Suspended", "Suspended")
    assert states(shared, name) == CANCELLED
    shared.set(name, suspend=False)
    shared.wait_condition(name, "Submitted")
    assert sorted(states(shared, name)) == [*CANCELLED, "BATCH_STATE_PENDING"]


@executed
@pytest.mark.parametrize("route", ["batches.cancel", "batches.delete"])
def test_p21_a_deletion_that_was_carried_out_releases_the_object(
    shared: Operator, name: str, fault: dict[str, Any], route: str
) -> None:
    shared.submitted(name)
    creates = shared.emulator.requests("batches.create")
    shared.emulator.fault(route, when="after", **fault)
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert shared.batches_of(name) == []
    assert shared.emulator.requests("batches.create") == creates


@pytest.mark.exhaustive
def test_answers_to_a_cancel_and_a_delete_that_never_come_are_not_waited_for_for_ever(
    shared: Operator, name: str
) -> None:
    """Both at once, because each waits until our patience with an answer ends."""
    stopped, deleted = f"{name}-stopped", f"{name}-deleted"
    shared.submitted(stopped)
    shared.emulator.job(shared.submitted(deleted), "succeed")
    shared.wait_complete(deleted)
    for route in ("batches.cancel", "batches.delete"):
        shared.emulator.fault(route, "delay", when="after", delaySeconds=LATE)
    shared.set(stopped, shutdown="Cancel")
    shared.kubectl("delete", "gbj", deleted, "--wait=false")
    shared.wait_condition(stopped, "Failed", "Cancelled", timeout=50)
    assert states(shared, stopped) == CANCELLED
    eventually(lambda: not shared.exists(deleted), timeout=50, what="the deletion")
    assert shared.batches_of(deleted) == []


@executed
def test_p10_a_batch_of_embeddings_that_was_created_is_found(
    shared: Operator, name: str, fault: dict[str, Any]
) -> None:
    shared.emulator.fault("batches.createEmbeddings", when="after", **fault)
    request = {"content": {"parts": [{"text": "a blue bicycle"}]}}
    source = {"inline": [{"key": "bicycle", "request": request}]}
    shared.apply(job(name, source, model="gemini-embedding-001", type="EmbedContent"))
    shared.wait_condition(name, "Submitted")
    assert states(shared, name) == ["BATCH_STATE_PENDING"]
    assert "supersededAttempts" not in shared.status(name)


def test_p10_a_create_that_was_carried_out_and_answered_with_503_is_found(
    shared: Operator, name: str
) -> None:
    shared.emulator.fault("batches.create", "status", status=503, when="after")
    shared.apply(inline_job(name))
    shared.wait_condition(name, "Submitted")
    assert states(shared, name) == ["BATCH_STATE_PENDING"]
