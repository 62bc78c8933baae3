"""Plain deletion: cancel and delete at Google, then release the object (rules P14, P21, P22)."""

from tests.emulator_process import API_KEY, OTHER_PROJECT_KEY
from tests.integration.controller.conftest import NEVER, SLOW
from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
# A Secret is read again in less time than a kubectl takes.
CONTROLLER_ARGS = (*QUICK_GRACE, "--credentials-ttl", "0.1")


def test_p21_deleting_a_running_job_deletes_its_batch(shared: Operator, name: str) -> None:
    shared.submitted(name)
    cancels = shared.emulator.requests("batches.cancel")
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert shared.batches_of(name) == []
    assert shared.emulator.requests("batches.cancel") == cancels + 1


def test_p21_deleting_a_finished_job_deletes_its_batch_and_keeps_the_results(
    shared: Operator, name: str
) -> None:
    batch = shared.submitted(name, output={"configMap": {"name": name}})
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(name)
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert shared.batches_of(name) == []
    assert shared.results(name)


def test_orphan_leaves_the_batch(shared: Operator, name: str) -> None:
    shared.submitted(name, deletionPolicy="Orphan")
    cancels = shared.emulator.requests("batches.cancel")
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert len(shared.batches_of(name)) == 1
    assert shared.emulator.requests("batches.cancel") == cancels


def test_p21_a_deletion_with_an_unknown_outcome_searches_first_and_never_submits(
    shared: Operator, name: str
) -> None:
    creates = shared.emulator.requests("batches.create")
    shared.emulator.fault("batches.list", "lag", delaySeconds=3)
    shared.emulator.fault("batches.create", "drop", when="after")
    shared.apply(inline_job(name))
    eventually(lambda: shared.batches_of(name))
    shared.kubectl("delete", "gbj", name, "--timeout=60s")
    shared.emulator.clear_faults()
    assert shared.batches_of(name) == []
    assert shared.emulator.requests("batches.create") == creates + 1


def test_p22_a_deletion_whose_search_google_refuses_says_so_and_goes_on_with_another_key(
    shared: Operator, name: str
) -> None:
    shared.put_key(API_KEY, name=name)
    shared.emulator.fault("batches.list", "status", status=503, count=1000)
    shared.emulator.fault("batches.create", "drop", when="after")
    shared.apply(inline_job(name, apiKeySecretRef={"name": name, "key": "api-key"}))
    eventually(lambda: shared.batches_of(name))
    shared.put_key("emulator-forbidden-0000000001", name=name)
    shared.kubectl("delete", "gbj", name, "--wait=false")
    shared.emulator.clear_faults()

    def blocked() -> str:
        message: str = shared.condition(name, "Stalled")["message"]
        return message if "403" in message else ""

    assert "two minutes" in eventually(blocked, timeout=30)
    assert "CredentialsRejected" in shared.events_of(name)
    shared.put_key(API_KEY, name=name)
    eventually(lambda: not shared.exists(name), timeout=40)
    assert shared.batches_of(name) == []


def test_a_job_that_never_had_a_key_is_deleted_at_once(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, apiKeySecretRef={"name": name, "key": "api-key"}))
    shared.wait_problem(name, "CredentialsMissing")
    shared.kubectl("delete", "gbj", name, "--timeout=20s")


@SLOW
def test_p22_a_namespace_with_a_running_job_goes_away_and_so_does_the_batch(
    cluster_operator: Operator,
) -> None:
    operator = cluster_operator
    operator.start()
    operator.submitted("job")
    operator.control_plane.kubectl("delete", "namespace", operator.namespace, "--wait=false")
    eventually(lambda: operator.batches() == [], timeout=30)
    eventually(lambda: not operator.exists("job"), timeout=30)


def test_s07_a_forged_batch_name_makes_us_cancel_nothing(shared: Operator, name: str) -> None:
    victim = shared.submitted(f"{name}-victim")
    shared.submitted(name)
    cancels = shared.emulator.requests("batches.cancel")
    forged = ("/status/batchName", "/status/attempt/batchName")
    shared.patch_status(name, [{"op": "replace", "path": p, "value": victim} for p in forged])
    shared.kubectl("delete", "gbj", name, "--timeout=30s")
    assert victim in [batch["name"] for batch in shared.batches()]
    assert shared.emulator.requests("batches.cancel") == cancels


def test_s11_a_key_that_was_swapped_before_the_deletion_is_reported(
    shared: Operator, name: str
) -> None:
    shared.put_key("emulator-demo-0000000001", name=name)
    shared.submitted(name, apiKeySecretRef={"name": name, "key": "api-key"})
    shared.put_key("emulator-other-0000000001", name=name)
    shared.kubectl("delete", "gbj", name, "--wait=false")
    eventually(lambda: "CredentialsChanged" in shared.events_of(name), timeout=20)
    assert shared.exists(name)
    shared.put_key("emulator-demo-0000000001", name=name)
    eventually(lambda: not shared.exists(name), timeout=20)
    assert shared.batches_of(name) == []


def test_force_delete_lets_the_object_go_at_once_and_names_what_is_left(
    shared: Operator, name: str
) -> None:
    batch = shared.submitted(name)
    shared.emulator.fault("batches.*", "status", status=503, count=1000)
    shared.kubectl("delete", "gbj", name, "--wait=false")
    blocked = shared.wait_condition(name, "Stalled", "DeletionBlocked")
    assert "force-delete" in blocked["message"]
    shared.annotate(name, force_delete="true")
    eventually(lambda: not shared.exists(name), timeout=10)
    shared.emulator.clear_faults()
    assert [left["name"] for left in shared.batches_of(name)] == [batch]
    eventually(lambda: "BatchLeftBehind" in shared.events_of(name))
    assert "DeletionBlocked" in shared.events_of(name)


def test_p21_a_deletion_goes_on_by_itself_when_google_answers_again(
    shared: Operator, name: str
) -> None:
    shared.submitted(name)
    shared.emulator.fault("batches.delete", "status", status=503, count=1000)
    shared.kubectl("delete", "gbj", name, "--wait=false")
    shared.wait_condition(name, "Stalled", "DeletionBlocked")
    shared.emulator.clear_faults()
    eventually(lambda: not shared.exists(name), timeout=20)
    assert shared.batches_of(name) == []


def test_s11_a_deletion_is_not_settled_by_a_list_of_another_project(
    shared: Operator, name: str
) -> None:
    shared.put_key(API_KEY, name=name)
    shared.emulator.fault("batches.list", "lag", delaySeconds=3600)
    shared.emulator.fault("batches.create", "drop", when="after")
    shared.apply(inline_job(name, apiKeySecretRef={"name": name, "key": "api-key"}))
    eventually(lambda: shared.batches_of(name))
    shared.put_key(OTHER_PROJECT_KEY, name=name)
    shared.kubectl("delete", "gbj", name, "--wait=false")
    blocked = eventually(lambda: shared.condition(name, "Stalled"), timeout=30)
    shared.emulator.clear_faults()
    assert blocked["reason"] == "DeletionBlocked"
    assert "no longer holds the API key" in blocked["message"]
    assert len(shared.batches_of(name)) == 1
    shared.put_key(API_KEY, name=name)
    eventually(lambda: not shared.exists(name), timeout=40)
    assert shared.batches_of(name) == []
