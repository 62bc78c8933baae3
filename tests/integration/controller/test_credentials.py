"""A missing, broken or refused API key shows what to do, and heals with the Secret (P10, S4)."""

from typing import Any

import pytest

from tests.emulator_process import API_KEY, OTHER_PROJECT_KEY
from tests.integration.controller.conftest import SLOW
from tests.operator_process import QUICK_GRACE, Operator, inline_job
from tests.waiting import eventually

# A corrected key is used soon, although the value of a Secret is cached for a minute.
CONTROLLER_ARGS = ("--credentials-ttl", "60")

GOOD = "emulator-demo-0000000002"


def with_key(name: str, secret: str, key: str = "api-key") -> dict[str, object]:
    return inline_job(name, apiKeySecretRef={"name": secret, "key": key})


def test_a_missing_secret_is_named_and_waited_for(shared: Operator, name: str) -> None:
    shared.apply(with_key(name, name))
    condition = shared.wait_problem(name, "CredentialsMissing")
    assert f"Secret {name}" in condition["message"]
    shared.put_key(GOOD, name=name)
    shared.wait_complete(name)
    assert shared.condition(name, "Stalled") == {}


def test_a_missing_key_of_the_secret_is_named(shared: Operator, name: str) -> None:
    shared.put_key(GOOD, name=name)
    shared.apply(with_key(name, name, key="other"))
    condition = shared.wait_problem(name, "CredentialsMissing")
    assert "key other" in condition["message"]
    shared.put_key(GOOD, name=name, key="other")
    shared.wait_complete(name)


@pytest.mark.parametrize(
    "value", ["short", " emulator-demo-0000000001", "emulator-demo-\n-0000001"]
)
def test_s04_a_value_that_is_no_key_is_never_sent(shared: Operator, name: str, value: str) -> None:
    before = shared.emulator.requests("batches.create")
    shared.put_key(value, name=name)
    shared.apply(with_key(name, name))
    condition = shared.wait_problem(name, "CredentialsMissing")
    assert value.strip() not in condition["message"]
    assert shared.emulator.requests("batches.create") == before


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        ("AIzaSyNoSuchKeyAtTheEmulator0000", 400),
        ("emulator-unauthenticated-0001", 401),
        ("emulator-forbidden-0000000001", 403),
    ],
)
def test_p10_a_refused_key_stalls_the_job_until_the_secret_is_fixed(
    shared: Operator, name: str, refused: str, status: int
) -> None:
    shared.put_key(refused, name=name)
    shared.apply(with_key(name, name))
    condition = shared.wait_condition(name, "Stalled", "CredentialsRejected")
    assert str(status) in condition["message"]
    assert refused not in condition["message"]
    assert "attempt" not in shared.status(name)
    shared.put_key(GOOD, name=name)
    shared.wait_complete(name, timeout=40)
    assert len(shared.batches_of(name)) == 1
    assert shared.condition(name, "Stalled") == {}


def test_a_broken_secret_disturbs_no_other_job(shared: Operator, name: str) -> None:
    shared.apply(with_key(name, name), inline_job(f"{name}-good"))
    shared.wait_complete(f"{name}-good")
    shared.wait_problem(name, "CredentialsMissing")


def test_s11_the_fingerprint_differs_between_jobs_of_one_key(shared: Operator, name: str) -> None:
    shared.apply(inline_job(name), inline_job(f"{name}-2"))
    shared.wait_complete(name)
    shared.wait_complete(f"{name}-2")
    prints = {shared.status(n)["attempt"]["apiKeyFingerprint"] for n in (name, f"{name}-2")}
    assert len(prints) == 2


@SLOW
def test_another_key_of_the_same_project_is_used_from_then_on(operator: Operator) -> None:
    operator.start()
    batch = operator.submitted("job")
    operator.put_key(API_KEY.removesuffix("1") + "2")
    operator.emulator.job(batch, "succeed")
    operator.wait_complete("job", timeout=60)
    assert len(operator.batches()) == 1


@SLOW
def test_a_key_of_another_project_stalls_a_running_job_until_the_old_one_is_back(
    operator: Operator,
) -> None:
    operator.start("--sweep-interval", "1")
    batch = operator.submitted("job")
    operator.put_key(OTHER_PROJECT_KEY)
    condition = operator.wait_condition("job", "Stalled", "KeyChanged", timeout=60)
    assert "Put that key back" in condition["message"]
    operator.put_key(API_KEY)
    operator.emulator.job(batch, "succeed")
    operator.wait_complete("job", timeout=60)
    assert operator.condition("job", "Stalled") == {}
    assert len(operator.batches()) == 1


@SLOW
def test_a_secret_that_changes_while_a_batch_runs_is_noticed_within_a_minute(
    operator: Operator,
) -> None:
    """Jobs with a callback, whose next sweep is an hour away; all of them wait the same minute."""
    # Three bad changes and a good one.
    changes = {
        "gone": None,
        "rejected": "emulator-forbidden-0000000001",
        "other": OTHER_PROJECT_KEY,
        "rotated": GOOD,
    }
    operator.start("--sweep-interval", "3600", "--credentials-ttl", "60")
    batches = {}
    for name in changes:
        operator.put_key(API_KEY, name=name)
        reference = {"name": name, "key": "api-key"}
        batches[name] = operator.submitted(name, apiKeySecretRef=reference)
    silent = operator.get("rotated")["metadata"]["resourceVersion"]
    for name, key in changes.items():
        if key is None:
            operator.kubectl("delete", "secret", name)
        else:
            operator.put_key(key, name=name)
    missing = operator.wait_problem("gone", "CredentialsMissing", timeout=80)
    for part in ("Secret gone, key api-key", f"{batches['gone']} goes on at Google"):
        assert part in missing["message"]
    refused = operator.wait_problem("rejected", "CredentialsRejected", timeout=10)
    for part in ("Secret rejected, key api-key", f"{batches['rejected']} goes on at Google"):
        assert part in refused["message"]
    operator.wait_problem("other", "KeyChanged", timeout=10)
    for name in changes:
        assert operator.status(name)["state"] == "Pending"
    for name in ("gone", "rejected", "other"):
        operator.put_key(API_KEY, name=name)
    eventually(
        lambda: not any(operator.condition(name, "Stalled") for name in changes),
        timeout=30,
        what="the jobs to recover",
    )
    assert operator.get("rotated")["metadata"]["resourceVersion"] == silent
    for batch in batches.values():
        operator.emulator.job(batch, "succeed")
    for name in changes:
        operator.wait_complete(name)
    assert len(operator.batches()) == len(changes)


@SLOW
def test_p22_a_key_that_google_rejects_holds_up_a_running_job_and_a_deletion_until_it_is_corrected(
    operator: Operator,
) -> None:
    operator.start()
    batch = operator.submitted("job")
    operator.submitted("deleted")
    operator.controller.stop()
    operator.put_key("emulator-forbidden-0000000001")
    operator.start_controller("--credentials-ttl", "60")
    operator.wait_condition("job", "Stalled", "CredentialsRejected")
    operator.kubectl("delete", "gbj", "deleted", "--wait=false")
    blocked = operator.wait_condition("deleted", "Stalled", "DeletionBlocked")
    assert operator.status("deleted")["state"] == "Deleting"
    assert "403" in blocked["message"]
    assert "CredentialsRejected" in operator.events_of("deleted")
    operator.emulator.job(batch, "succeed")
    operator.put_key(API_KEY)
    operator.wait_complete("job", timeout=40)
    assert operator.condition("job", "Stalled") == {}
    eventually(lambda: not operator.exists("deleted"), timeout=40)
    assert [left["name"] for left in operator.batches()] == [batch]


def submitted_without_an_answer(operator: Operator, listed_after: int) -> Any:
    """The batch of `job`: Google created it, and lists it after so many seconds."""
    operator.start(*QUICK_GRACE)
    operator.emulator.fault("batches.list", "lag", delaySeconds=listed_after)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    (batch,) = eventually(operator.batches)
    return batch


@SLOW
@pytest.mark.parametrize("restarts", [False, True], ids=["", "with a restart"])
def test_s11_a_create_without_an_answer_is_not_repeated_while_the_key_is_another(
    operator: Operator, restarts: bool
) -> None:
    """The list of another project shows no batch, and that is no proof that there is none."""
    batch = submitted_without_an_answer(operator, listed_after=3600)
    operator.put_key(OTHER_PROJECT_KEY)
    condition = operator.wait_condition("job", "Stalled", "AmbiguousSubmission", timeout=60)
    assert "Restore that key" in condition["message"]
    assert operator.emulator.requests("batches.create") == 1
    if restarts:
        operator.controller.stop()
        operator.start_controller(*QUICK_GRACE)
    operator.emulator.clear_faults()
    operator.put_key(API_KEY)
    eventually(lambda: operator.status("job").get("batchName") == batch["name"], timeout=60)
    assert operator.condition("job", "Stalled") == {}
    operator.emulator.job(batch["name"], "succeed")
    operator.wait_complete("job", timeout=60)
    assert operator.emulator.requests("batches.create") == 1
    assert [left["name"] for left in operator.batches()] == [batch["name"]]


@SLOW
def test_s11_another_key_of_the_same_project_finds_the_batch_of_a_create_without_an_answer(
    operator: Operator,
) -> None:
    batch = submitted_without_an_answer(operator, listed_after=3)
    operator.put_key(GOOD)
    eventually(lambda: operator.status("job").get("batchName") == batch["name"], timeout=30)
    assert operator.emulator.requests("batches.create") == 1
