"""What is down comes back, and the job completes: nothing is submitted twice, nothing restarted."""

import pytest

from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually


@pytest.mark.row(42)
@SLOW
def test_a_receiver_with_a_wrong_jwks_delays_a_job_but_does_not_lose_it(
    operator: Operator,
) -> None:
    operator.start_receiver(jwks_url=operator.emulator.url + "/nothing")
    operator.put_key("emulator-demo-0000000001")
    operator.start_controller("--sweep-interval", "2")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.emulator.job(operator.status("job")["batchName"], "succeed")
    operator.wait_complete("job", timeout=60)
    assert "lastEvent" not in operator.status("job")
    assert len(operator.batches()) == 1


@SLOW
def test_ends_that_were_missed_while_the_operator_was_down_are_found_at_its_start(
    operator: Operator,
) -> None:
    """The next sweep would be 15 minutes later, and Google does not call again after 24 hours."""
    operator.start()
    batch = operator.submitted("job")
    operator.controller.kill()
    operator.receiver.kill()
    operator.emulator.job(batch, "succeed")
    operator.start_controller()
    operator.wait_complete("job", timeout=30)
    assert "lastEvent" not in operator.status("job")


@SLOW
@pytest.mark.exhaustive
def test_an_api_server_that_stops_and_starts_again_costs_no_second_batch(
    operator: Operator,
) -> None:
    operator.start("--sweep-interval", "2")
    operator.apply(inline_job("job"), inline_job("other"))
    operator.wait_condition("job", "Submitted")
    operator.wait_condition("other", "Submitted")
    batch, other = operator.status("job")["batchName"], operator.status("other")["batchName"]
    operator.control_plane.stop_apiserver()
    operator.emulator.job(batch, "succeed")
    operator.emulator.wait(lambda state: any(d["status"] == 503 for d in state["deliveries"]))
    operator.control_plane.start_apiserver()
    operator.emulator.job(other, "succeed")
    operator.wait_complete("job", timeout=60)
    operator.wait_complete("other", timeout=60)
    assert operator.controller.running()
    assert len(operator.batches()) == 2


def test_a_batch_that_is_created_while_the_api_server_is_away_gets_its_name(
    operator: Operator,
) -> None:
    operator.start()
    operator.emulator.fault("batches.create", "hold", when="after")
    operator.apply(inline_job("job"))
    operator.emulator.wait_for_held("batches.create")
    operator.control_plane.stop_apiserver()
    operator.emulator.release()
    eventually(
        lambda: "a batch name could not be written yet" in operator.controller.text(), timeout=20
    )
    operator.control_plane.start_apiserver()
    operator.wait_complete("job", timeout=60)
    assert len(operator.batches()) == 1
    assert operator.emulator.requests("batches.create") == 1


@SLOW
def test_gemini_that_stops_and_starts_again_costs_no_second_batch(operator: Operator) -> None:
    operator.start("--sweep-interval", "2")
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.emulator.kill()
    eventually(lambda: "a listing of batches failed" in operator.controller.text(), timeout=20)
    operator.emulator.start()
    operator.emulator.job(operator.status("job")["batchName"], "succeed")
    operator.wait_complete("job", timeout=60)
    assert operator.emulator.requests("batches.create") == 1


@pytest.mark.row(118)
def test_results_are_fetched_again_after_gemini_was_unavailable(operator: Operator) -> None:
    operator.start()
    operator.emulator.fault("batches.get", "status", status=503, count=3)
    operator.apply(inline_job("job", output={"configMap": {"name": "results"}}))
    operator.wait_complete("job", timeout=60)
    operator.emulator.wait(lambda state: {d["status"] for d in state["deliveries"]} == {200})
    assert [line["key"] for line in operator.results("results")] == ["greeting"]


def test_a_controller_that_is_stopped_and_started_follows_its_jobs(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    assert operator.controller.stop() == 0
    operator.emulator.wait(lambda state: all(d["status"] == 200 for d in state["deliveries"]))
    operator.start_controller()
    operator.wait_complete("job")
    assert operator.emulator.requests("batches.create") == 1
