"""Plain deletion: cancel and delete at Google, then release the object (rules P14, P21, P22)."""

from tests.integration.controller.conftest import SLOW
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually


@SLOW
def test_p21_deleting_a_running_job_deletes_its_batch(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.kubectl("delete", "gbj", "job", "--timeout=30s")
    assert operator.batches() == []
    assert operator.emulator.requests("batches.cancel") == 1


def test_p21_deleting_a_finished_job_deletes_its_batch_and_keeps_the_results(
    operator: Operator,
) -> None:
    operator.start()
    operator.apply(inline_job("job", output={"configMap": {"name": "results"}}))
    operator.wait_complete("job")
    operator.kubectl("delete", "gbj", "job", "--timeout=30s")
    assert operator.batches() == []
    assert operator.results("results")


@SLOW
def test_orphan_leaves_the_batch(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job", deletionPolicy="Orphan"))
    operator.wait_condition("job", "Submitted")
    operator.kubectl("delete", "gbj", "job", "--timeout=30s")
    assert len(operator.batches()) == 1
    assert operator.emulator.requests("batches.cancel") == 0


@SLOW
def test_p21_a_deletion_with_an_unknown_outcome_searches_first_and_never_submits(
    operator: Operator,
) -> None:
    operator.start()
    operator.emulator.fault("batches.list", "lag", delaySeconds=3)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    eventually(operator.batches)
    operator.kubectl("delete", "gbj", "job", "--timeout=60s")
    assert operator.batches() == []
    assert operator.emulator.requests("batches.create") == 1


def test_a_job_that_never_had_a_key_is_deleted_at_once(operator: Operator) -> None:
    operator.start_receiver()
    operator.start_controller()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Stalled", "CredentialsMissing")
    operator.kubectl("delete", "gbj", "job", "--timeout=20s")


@SLOW
def test_p22_a_namespace_with_a_running_job_goes_away_and_so_does_the_batch(
    cluster_operator: Operator,
) -> None:
    cluster_operator.start()
    cluster_operator.apply(inline_job("job"))
    cluster_operator.wait_condition("job", "Submitted")
    cluster_operator.control_plane.kubectl(
        "delete", "namespace", cluster_operator.namespace, "--wait=false"
    )
    eventually(lambda: cluster_operator.batches() == [], timeout=30)
    eventually(lambda: not cluster_operator.exists("job"), timeout=30)


@SLOW
def test_s07_a_forged_batch_name_makes_us_cancel_nothing(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("victim"), inline_job("job"))
    operator.wait_condition("victim", "Submitted")
    operator.wait_condition("job", "Submitted")
    victim = operator.status("victim")["batchName"]
    operator.patch_status(
        "job",
        [
            {"op": "replace", "path": "/status/batchName", "value": victim},
            {"op": "replace", "path": "/status/attempt/batchName", "value": victim},
        ],
    )
    operator.kubectl("delete", "gbj", "job", "--timeout=30s")
    assert victim in [batch["name"] for batch in operator.batches()]
    assert operator.emulator.requests("batches.cancel") == 0


@SLOW
def test_s11_a_key_that_was_swapped_before_the_deletion_is_reported(operator: Operator) -> None:
    operator.start()
    operator.apply(inline_job("job"))
    operator.wait_condition("job", "Submitted")
    operator.put_key("emulator-other-0000000001")
    operator.kubectl("delete", "gbj", "job", "--wait=false")
    eventually(lambda: "CredentialsChanged" in operator.events_of("job"), timeout=20)
    assert operator.exists("job")
    operator.put_key("emulator-demo-0000000002")
    eventually(lambda: not operator.exists("job"), timeout=20)
    assert operator.batches() == []
