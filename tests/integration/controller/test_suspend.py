"""`suspend`: before the submission, while the batch runs, and back (rule P16)."""

from tests.integration.controller.conftest import NEVER
from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = QUICK_GRACE


def test_p16_a_job_created_suspended_sends_nothing_until_it_is_resumed(
    shared: Operator, name: str
) -> None:
    """As Kueue creates them."""
    creates = shared.emulator.requests("batches.create")
    shared.apply(inline_job(name, suspend=True))
    shared.wait_condition(name, "Suspended", "Suspended")
    status = shared.status(name)
    assert status["state"] == "Suspended"
    assert "startTime" not in status
    assert shared.emulator.requests("batches.create") == creates
    shared.set(name, suspend=False)
    shared.wait_condition(name, "Submitted")
    status = shared.status(name)
    assert shared.condition(name, "Suspended")["status"] == "False"
    assert status["startTime"] == status["attempt"]["startTime"]
    assert status["observedGeneration"] == 2
    assert shared.emulator.requests("batches.create") == creates + 1


def test_p16_suspending_a_running_job_cancels_its_batch_and_resuming_submits_anew(
    shared: Operator, name: str
) -> None:
    first = shared.submitted(name)
    shared.set(name, suspend=True)
    shared.wait_condition(name, "Suspended")
    status = shared.status(name)
    assert "batchName" not in status
    assert "startTime" not in status
    assert status["supersededAttempts"][0]["batchName"] == first
    assert [b["state"] for b in shared.batches_of(name)] == ["BATCH_STATE_CANCELLED"]
    shared.set(name, suspend=False)
    shared.wait_condition(name, "Submitted")
    second = shared.status(name)["batchName"]
    assert second != first
    shared.emulator.job(second, "succeed")
    shared.wait_complete(name)
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert shared.batches_of(name) == [], "the cancelled one is deleted too"
    events = shared.events_of(name)
    assert {"Cancelling", "Suspended", "Resumed"} <= set(events)


def test_p16_a_resume_before_the_old_batch_has_ended_waits_for_that_end(
    shared: Operator, name: str
) -> None:
    first = shared.submitted(name)
    creates = shared.emulator.requests("batches.create")
    shared.emulator.fault("batches.cancel", "hold")
    shared.set(name, suspend=True)
    shared.emulator.wait_for_held("batches.cancel")
    assert shared.condition(name, "Suspended")["reason"] == "Suspending"
    shared.set(name, suspend=False)
    assert shared.emulator.requests("batches.create") == creates
    shared.emulator.clear_faults()
    eventually(lambda: shared.status(name).get("batchName") not in (None, first), timeout=20)
    states = {b["name"]: b["state"] for b in shared.batches_of(name)}
    assert states.pop(first) == "BATCH_STATE_CANCELLED"
    assert len(states) == 1


def test_p16_googles_end_wins_over_a_suspension(shared: Operator, name: str) -> None:
    batch = shared.submitted(name)
    shared.emulator.fault("batches.cancel", "hold", when="before")
    shared.set(name, suspend=True)
    shared.emulator.wait_for_held("batches.cancel")
    shared.emulator.job(batch, "succeed")
    shared.emulator.clear_faults()
    shared.wait_complete(name)
    assert shared.condition(name, "Suspended") == {}
