"""`adopt`: a batch that exists already becomes a job's, exactly one job's (rule P25)."""

from typing import Any

import pytest

from tests.emulator_process import OTHER_PROJECT_KEY
from tests.integration.controller.conftest import NEVER
from tests.operator_process import GROUP, QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
CONTROLLER_ARGS = (*QUICK_GRACE, "--sweep-interval", "1")


def adoption(name: str, batch: str, previous: str | None = None, **spec: Any) -> dict[str, Any]:
    """A job that adopts."""
    job = inline_job(name, deletionPolicy="Delete", **spec)
    del job["spec"]["input"]
    job["spec"]["adopt"] = {"batchName": batch, **({"previousUID": previous} if previous else {})}
    return job


def orphaned(operator: Operator, name: str) -> tuple[str, str]:
    """The batch of a job that was deleted, and that job's uid."""
    batch = operator.submitted(name, deletionPolicy="Orphan")
    uid = operator.get(name)["metadata"]["uid"]
    operator.kubectl("delete", "gbj", name, "--timeout=20s")
    return batch, uid


def test_p25_a_running_batch_is_adopted_followed_and_delivered(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, name)
    creates = shared.emulator.requests("batches.create")
    shared.apply(adoption(name, batch, uid, output={"configMap": {"name": name}}))
    shared.wait_condition(name, "Submitted", "Adopted")
    assert "Adopted" in eventually(lambda: shared.events_of(name))
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(name)
    assert shared.results(name)
    assert shared.emulator.requests("batches.create") == creates
    shared.kubectl("delete", "gbj", name, "--timeout=20s")
    assert batch not in [b["name"] for b in shared.batches()]


def test_p25_a_finished_batch_is_adopted_and_delivered_at_once(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, name)
    shared.emulator.job(batch, "succeed")
    shared.apply(adoption(name, batch, uid, output={"configMap": {"name": name}}))
    shared.wait_complete(name)
    assert shared.results(name)


def test_p25_a_batch_whose_delivery_failed_is_taken_over_and_the_first_job_may_go(
    shared: Operator, name: str
) -> None:
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-taken"}}
    batch = shared.submitted(name, output={"configMap": {"name": f"{name}-taken"}})
    shared.apply(taken)
    shared.emulator.job(batch, "succeed")
    shared.wait_condition(name, "Failed", "DeliveryFailed")
    uid = shared.get(name)["metadata"]["uid"]
    second = f"{name}-second"
    shared.apply(adoption(second, batch, uid, output={"configMap": {"name": second}}))
    shared.wait_complete(second)
    shared.kubectl("delete", "gbj", name, "--timeout=20s")
    assert batch in [b["name"] for b in shared.batches()]
    assert shared.results(second)


def test_p25_shutdown_cancels_an_adopted_batch(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, name)
    shared.apply(adoption(name, batch, uid))
    shared.wait_condition(name, "Submitted", "Adopted")
    shared.set(name, shutdown="Cancel")
    shared.wait_condition(name, "Failed", "Cancelled")


def test_p25_an_unknown_name_and_the_wrong_key_are_clear_errors(
    shared: Operator, name: str
) -> None:
    shared.apply(adoption(name, "batches/nothing"))
    failed = shared.wait_condition(name, "Failed", "RemoteNotFound")
    assert "batches/nothing" in failed["message"]
    assert "batchName" not in shared.status(name)

    batch, uid = orphaned(shared, f"{name}-first")
    shared.put_key(OTHER_PROJECT_KEY, name=name)
    key = {"name": name, "key": "api-key"}
    shared.apply(adoption(f"{name}-other", batch, uid, apiKeySecretRef=key))
    shared.wait_condition(f"{name}-other", "Failed", "RemoteNotFound")


def test_p25_a_batch_of_another_job_is_refused_without_naming_the_holder(
    shared: Operator, name: str
) -> None:
    batch = shared.submitted(f"{name}-owner")
    shared.apply(adoption(name, batch))
    failed = shared.wait_condition(name, "Failed", "AdoptionRefused")
    assert f"{name}-owner" not in failed["message"]
    assert shared.status(f"{name}-owner")["batchName"] == batch


def test_s06_a_batch_with_another_objects_token_is_refused(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, f"{name}-first")
    shared.apply(adoption(name, batch))
    failed = shared.wait_condition(name, "Failed", "AdoptionRefused")
    assert uid not in failed["message"]
    cancels = shared.emulator.requests("batches.cancel")
    shared.kubectl("delete", "gbj", name, "--timeout=20s")
    assert shared.emulator.requests("batches.cancel") == cancels
    assert batch in [b["name"] for b in shared.batches()]


def test_p25_of_several_jobs_exactly_one_has_the_batch(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, name)
    names = [f"{name}-{number}" for number in range(5)]
    shared.apply(*(adoption(one, batch, uid) for one in names))

    def settled() -> bool:
        return all(
            shared.condition(one, "Submitted").get("status") == "True"
            or shared.condition(one, "Failed").get("status") == "True"
            for one in names
        )

    eventually(settled, timeout=20)
    holders = [one for one in names if shared.condition(one, "Submitted")["status"] == "True"]
    assert len(holders) == 1
    others = [one for one in names if one not in holders]
    assert {shared.condition(one, "Failed")["reason"] for one in others} == {"AlreadyAdopted"}


# Claims and statuses that somebody forges


def forge(operator: Operator, name: str, batch: str, *, attempt: bool, state: str = "") -> None:
    """What rights on /status can do: the adoption has never taken place."""
    record = {"id": "f" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z", "batchName": batch}
    status = {
        "batchName": batch,
        "state": "Running",
        **({"attempt": record} if attempt else {}),
        **({"geminiState": state} if state else {}),
    }
    operator.patch_status(name, [{"op": "add", "path": "/status", "value": status}])


def without_key(name: str, batch: str) -> dict[str, Any]:
    """A job whose Secret is not there."""
    key = {"name": f"{name}-missing", "key": "api-key"}
    return adoption(name, batch, apiKeySecretRef=key)


def test_p25_a_job_without_a_key_claims_nothing(shared: Operator, name: str) -> None:
    batch, uid = orphaned(shared, name)
    stranger = f"{name}-stranger"
    shared.apply(without_key(stranger, batch))
    shared.wait_problem(stranger, "CredentialsMissing")
    assert "batchName" not in shared.status(stranger)
    shared.apply(adoption(name, batch, uid))
    shared.wait_condition(name, "Submitted", "Adopted")


@pytest.mark.exhaustive
def test_p25_forged_claims_give_way(shared: Operator, name: str) -> None:
    """Nor do they end the adoption of who can read the batch; all kinds wait the same minute."""
    kinds = [(key, attempt) for key in ("missing", "foreign") for attempt in (False, True)]
    owners = [f"{name}-{key}-{attempt}".lower() for key, attempt in kinds]
    for owner, (key, attempt) in zip(owners, kinds, strict=True):
        batch, uid = orphaned(shared, owner)
        stranger = f"{owner}-stranger"
        shared.apply(without_key(stranger, batch))
        forge(shared, stranger, batch, attempt=attempt)
        if key == "foreign":
            shared.put_key(OTHER_PROJECT_KEY, name=f"{stranger}-missing")
        shared.apply(adoption(owner, batch, uid))
    for owner in owners:
        eventually(lambda one=owner: shared.condition(one, "Submitted"), what="the claim")  # type: ignore[misc]
        assert not shared.condition(owner, "Failed")
    for owner in owners:
        shared.wait_condition(owner, "Submitted", "Adopted", timeout=90)


@pytest.mark.parametrize("previous", [True, False], ids=["previousUID", "no previousUID"])
@pytest.mark.parametrize("state", ["", "BATCH_STATE_SUCCEEDED"], ids=["running", "ended"])
def test_s07_a_forged_adoption_delivers_cancels_and_deletes_nothing(
    shared: Operator, name: str, state: str, *, previous: bool
) -> None:
    """Both have the same key; the victim's job lives."""
    victim, thief = name, f"{name}-thief"
    batch = shared.submitted(victim, output={"configMap": {"name": victim}})
    uid = shared.get(victim)["metadata"]["uid"] if previous else None
    terms = adoption(thief, batch, uid, output={"configMap": {"name": thief}})
    terms["metadata"]["finalizers"] = [f"{GROUP}/batch"]
    shared.apply(terms)
    forge(shared, thief, batch, attempt=True, state=state)
    shared.annotate(thief, requested_at="now")
    shared.set(thief, shutdown="Cancel")
    deletes = shared.emulator.requests("batches.delete")
    told = ("Failed", "Stalled")
    eventually(
        lambda: any(shared.condition(thief, kind).get("status") == "True" for kind in told),
        timeout=30,
        what="the thief to be told",
    )
    shared.kubectl("delete", "gbj", thief, "--timeout=30s")
    [theirs] = shared.batches_of(victim)
    assert theirs["state"] in ("BATCH_STATE_PENDING", "BATCH_STATE_RUNNING")
    assert shared.emulator.requests("batches.delete") == deletes
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(victim)
    assert shared.results(victim)
    assert not shared.exists(thief, "configmaps")


def test_p25_a_live_job_cannot_be_named_as_the_previous_one(shared: Operator, name: str) -> None:
    batch = shared.submitted(name)
    uid = shared.get(name)["metadata"]["uid"]
    shared.apply(adoption(f"{name}-second", batch, uid))
    failed = shared.wait_condition(f"{name}-second", "Failed")
    assert failed["reason"] in ("AdoptionRefused", "AlreadyAdopted")
    assert shared.status(name)["batchName"] == batch
