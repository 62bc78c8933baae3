"""kill -9 around the create: one batch, one bill, one Complete job (rules P7 to P12)."""

import pytest

from tests.integration.controller.conftest import SLOW
from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually


@pytest.mark.parametrize("moment", ["before", "after"])
def test_p07_killed_around_the_create_leaves_one_batch(operator: Operator, moment: str) -> None:
    operator.start(*QUICK_GRACE)
    operator.emulator.fault("batches.create", "hold", when=moment)
    operator.apply(inline_job("job"))
    operator.emulator.wait_for_held("batches.create")
    attempt = operator.status("job")["attempt"]
    operator.controller.kill()
    operator.emulator.release(answer=False)
    assert len(operator.batches()) == (0 if moment == "before" else 1)
    operator.start_controller(*QUICK_GRACE)
    status = operator.wait_complete("job", timeout=60)
    assert len(operator.batches()) == 1
    assert (status["attempt"]["id"] == attempt["id"]) == (moment == "after")


@SLOW
def test_p12_a_batch_that_surfaces_after_the_grace_is_cancelled_and_reported(
    operator: Operator,
) -> None:
    operator.start("--sweep-interval", "1", *QUICK_GRACE)
    operator.emulator.fault("batches.list", "lag", delaySeconds=20)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    first = eventually(operator.batches)[0]
    operator.wait_condition("job", "Submitted", timeout=60)
    second = operator.status("job")["batchName"]
    assert second != first["name"]
    operator.emulator.job(second, "succeed")
    operator.wait_complete("job")
    operator.emulator.clear_faults()

    def reported() -> bool:
        attempts = operator.status("job")["supersededAttempts"]
        return "DuplicateCancelled" in [attempt.get("reason") for attempt in attempts]

    eventually(reported, timeout=30, what="the duplicate to be reported")
    assert [batch["name"] for batch in operator.batches()] == [second]
    eventually(lambda: "DuplicateCancelled" in operator.events_of("job"))


def test_p14_an_object_that_is_recreated_during_the_create_takes_no_batch_along(
    operator: Operator,
) -> None:
    operator.start()
    operator.emulator.fault("batches.create", "hold", when="after")
    operator.apply(inline_job("job"))
    operator.emulator.wait_for_held("batches.create")
    first = operator.batches()[0]["name"]
    operator.kubectl(
        "patch", "gbj", "job", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )
    operator.kubectl("delete", "gbj", "job", "--wait=false")
    eventually(lambda: not operator.kubectl("get", "gbj", "--ignore-not-found"))
    operator.apply(inline_job("job"))
    operator.emulator.release()
    status = operator.wait_complete("job", timeout=60)
    assert status["batchName"] != first
    eventually(lambda: [b["name"] for b in operator.batches()] == [status["batchName"]])
