"""`shutdown` and `activeDeadlineSeconds` end the job and keep the object (rule P16)."""

from tests.integration.controller.conftest import NEVER
from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = QUICK_GRACE


def test_shutdown_cancels_the_batch_and_keeps_the_object(shared: Operator, name: str) -> None:
    shared.submitted(name)
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Failed", "Cancelled")
    status = shared.status(name)
    assert (status["state"], status["geminiState"]) == ("Cancelled", "BATCH_STATE_CANCELLED")
    assert [b["state"] for b in shared.batches_of(name)] == ["BATCH_STATE_CANCELLED"]


def test_shutdown_before_the_submission_sends_nothing(shared: Operator, name: str) -> None:
    creates = shared.emulator.requests("batches.create")
    shared.apply(inline_job(name, suspend=True))
    shared.wait_condition(name, "Suspended")
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Failed", "Cancelled")
    assert shared.emulator.requests("batches.create") == creates


def test_p11_shutdown_settles_an_unknown_outcome_first(shared: Operator, name: str) -> None:
    shared.emulator.fault("batches.list", "lag", delaySeconds=2)
    shared.emulator.fault("batches.create", "drop", when="after")
    shared.apply(inline_job(name))
    eventually(lambda: shared.batches_of(name))
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Failed", "Cancelled")
    shared.emulator.clear_faults()
    assert [b["state"] for b in shared.batches_of(name)] == ["BATCH_STATE_CANCELLED"]


def test_a_deadline_cancels_the_batch(shared: Operator, name: str) -> None:
    shared.submitted(name, activeDeadlineSeconds=3)
    shared.wait_condition(name, "Failed", "DeadlineExceeded")
    assert [b["state"] for b in shared.batches_of(name)] == ["BATCH_STATE_CANCELLED"]
    assert "Cancelling" in shared.events_of(name)


def test_a_deadline_is_kept_through_a_restart_and_a_late_success_is_delivered(
    shared: Operator, name: str
) -> None:
    batch = shared.submitted(name, activeDeadlineSeconds=4)
    shared.controller.kill()
    shared.emulator.fault("batches.cancel", "hold", when="before")
    shared.start_controller(*CONTROLLER_ARGS)
    shared.emulator.wait_for_held("batches.cancel")
    assert shared.status(name)["state"] == "Cancelling"
    shared.emulator.job(batch, "succeed")
    shared.emulator.clear_faults()
    shared.wait_complete(name)


def test_s07_a_forged_batch_name_cannot_be_cancelled_through_us(
    shared: Operator, name: str
) -> None:
    victim = shared.submitted(f"{name}-victim")
    shared.submitted(name)
    cancels = shared.emulator.requests("batches.cancel")
    forged = ("/status/batchName", "/status/attempt/batchName")
    shared.patch_status(name, [{"op": "replace", "path": p, "value": victim} for p in forged])
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Stalled", "AmbiguousSubmission")
    assert shared.emulator.requests("batches.cancel") == cancels
