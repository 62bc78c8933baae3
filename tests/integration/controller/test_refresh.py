"""The annotation `requested-at` asks for one read of the batch now."""

from tests.integration.controller.conftest import NEVER
from tests.operator_process import QUICK_GRACE, Operator
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = QUICK_GRACE


def test_each_new_request_reads_the_batch_once(shared: Operator, name: str) -> None:
    shared.submitted(name)
    for number in (1, 2):
        reads = shared.emulator.requests("batches.get")
        shared.annotate(name, requested_at=str(number))
        eventually(lambda n=number: shared.status(name).get("observedRequest") == str(n))  # type: ignore[misc]
        assert shared.emulator.requests("batches.get") == reads + 1


def test_a_lost_callback_can_be_made_up_for(shared: Operator, name: str) -> None:
    shared.receiver.stop()
    batch = shared.submitted(name)
    shared.emulator.job(batch, "succeed")
    shared.annotate(name, requested_at="2026-01-01T00:00:00Z")
    shared.wait_complete(name)
    shared.start_receiver()


def test_a_refresh_of_a_batch_that_is_gone_ends_the_job(shared: Operator, name: str) -> None:
    batch = shared.submitted(name)
    shared.delete_at_google(batch)
    shared.annotate(name, requested_at="now")
    shared.wait_condition(name, "Failed", "RemoteNotFound")
