"""What callbacks do, and what happens without them (rules P17, P18, P20)."""

from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

UNAVAILABLE = {"status": 503, "count": None}


def test_p17_a_callback_supplies_a_lost_name(operator: Operator) -> None:
    operator.start()
    operator.emulator.fault("batches.list", "status", **UNAVAILABLE)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    status = operator.wait_complete("job", timeout=40)
    assert status["batchName"] == operator.batches()[0]["name"]
    assert operator.emulator.requests("batches.create") == 1


@SLOW
def test_p18_an_event_that_runs_ahead_of_the_batch_is_read_again_and_then_consumed(
    operator: Operator,
) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    attempt = operator.status("job")["attempt"]["id"]
    event = {"id": "msg_early", "type": "batch.succeeded", "attempt": attempt}
    reads = operator.emulator.requests("batches.get")
    operator.patch_status("job", [{"op": "add", "path": "/status/lastEvent", "value": event}])
    eventually(lambda: operator.emulator.requests("batches.get") == reads + 1)
    operator.emulator.job(operator.status("job")["batchName"], "succeed")
    operator.wait_complete("job")


@SLOW
def test_p20_without_a_public_url_no_webhook_is_sent_and_the_sweep_decides(
    operator: Operator,
) -> None:
    operator.put_key("emulator-demo-0000000001")
    operator.start_controller("--sweep-interval", "1")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    batch = operator.batches()[0]
    assert batch["uris"] == []
    operator.emulator.job(batch["name"], "succeed")
    operator.wait_complete("job")


@SLOW
def test_p20_a_batch_that_vanished_fails_the_job_and_is_never_submitted_again(
    operator: Operator,
) -> None:
    operator.start("--sweep-interval", "1")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.delete_at_google(operator.status("job")["batchName"])
    operator.wait_condition("job", "Failed", "RemoteNotFound")
    assert operator.emulator.requests("batches.create") == 1


@SLOW
def test_p20_a_batch_out_of_another_keys_reach_stalls_the_job_until_the_key_is_back(
    operator: Operator,
) -> None:
    operator.start("--sweep-interval", "1")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.put_key("emulator-other-0000000001")
    operator.wait_condition("job", "Stalled", "KeyChanged")
    operator.put_key("emulator-demo-0000000001")
    eventually(lambda: operator.condition("job", "Stalled") == {}, timeout=20)
    operator.emulator.job(operator.status("job")["batchName"], "succeed")
    operator.wait_complete("job")
    assert operator.emulator.requests("batches.create") == 1


@SLOW
def test_the_remote_end_is_told_as_it_is(operator: Operator) -> None:
    operator.start()
    ends = {"fail": "RemoteFailed", "expire": "RemoteExpired", "cancel": "Cancelled"}
    operator.apply(*(inline_job(f"job-{action}") for action in ends))
    for action, reason in ends.items():
        operator.wait_condition(f"job-{action}", "Submitted")
        operator.emulator.job(operator.status(f"job-{action}")["batchName"], action)
        operator.wait_condition(f"job-{action}", "Failed", reason)
        status = operator.status(f"job-{action}")
        assert status["completionTime"]
        assert status.get("failures", 0) == (0 if action == "cancel" else 1)
