"""What callbacks do, and what happens without them (rules P17, P18, P20)."""

from pathlib import Path
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.emulator_process import FAST, EmulatorProcess
from tests.integration.controller.conftest import NEVER, SLOW
from tests.operator_process import Operator, inline_job, kubeconfigs
from tests.waiting import eventually

SCHEDULE = NEVER
ISSUER = "https://generativelanguage.googleapis.com"
CONTROLLER_ARGS = ("--sweep-interval", "1")


def submitted(operator: Operator, name: str, **spec: Any) -> str:
    """Apply a job and wait until it has its batch; answers with the batch's name."""
    operator.apply(inline_job(name, **spec))
    operator.wait_condition(name, "Submitted")
    return str(operator.status(name)["batchName"])


def test_p17_a_callback_supplies_a_lost_name(operator: Operator) -> None:
    operator.start()
    operator.emulator.fault("batches.list", "status", status=503, count=None)
    operator.emulator.fault("batches.create", "drop", when="after")
    operator.apply(inline_job("job"))
    status = operator.wait_complete("job", timeout=40)
    assert status["batchName"] == operator.batches()[0]["name"]
    assert operator.emulator.requests("batches.create") == 1


@pytest.mark.parametrize(("mode", "scheme"), [("jwt", "jwt"), ("both", "v1a")], ids=["jwt", "both"])
def test_s15_a_job_ends_by_a_callback_with_a_token(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, mode: str, scheme: str
) -> None:
    """Nothing else tells of the end: the controller lists batches once in an hour."""
    tokens = ("--signature", mode, "--token-audience", "gemini-operator")
    demanded = ("--jwt-issuer", ISSUER, "--jwt-audience", "gemini-operator")
    accounts = kubeconfigs(control_plane, namespace, tmp_path)
    with (
        EmulatorProcess(tmp_path / "emulator", "--schedule", FAST, *tokens) as emulator,
        Operator(namespace, control_plane, tmp_path, emulator, accounts) as operator,
    ):
        operator.put_key("emulator-demo-0000000001")
        operator.receiver.args += demanded
        operator.start_receiver()
        operator.start_controller("--sweep-interval", "3600")
        operator.apply(inline_job("job"))
        operator.wait_complete("job")
        event = operator.status("job")["lastEvent"]
        assert event["id"].startswith("jwt_") is (mode == "jwt")
        assert ("type" in event) is (mode == "both")
        assert f'"scheme": "{scheme}"' in operator.receiver.text()


def test_p18_an_event_that_runs_ahead_of_the_batch_is_read_again(
    shared: Operator, name: str
) -> None:
    batch = submitted(shared, name)
    attempt = shared.status(name)["attempt"]["id"]
    event = {"id": "msg_early", "type": "batch.succeeded", "attempt": attempt}
    reads = shared.emulator.requests("batches.get")
    shared.patch_status(name, [{"op": "add", "path": "/status/lastEvent", "value": event}])
    eventually(lambda: shared.emulator.requests("batches.get") == reads + 1)
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(name)


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


def test_p20_a_batch_that_vanished_fails_the_job_and_is_never_submitted_again(
    shared: Operator, name: str
) -> None:
    batch = submitted(shared, name)
    creates = shared.emulator.requests("batches.create")
    shared.delete_at_google(batch)
    shared.wait_condition(name, "Failed", "RemoteNotFound")
    assert shared.emulator.requests("batches.create") == creates


def test_p20_a_batch_out_of_another_keys_reach_stalls_the_job_until_the_key_is_back(
    shared: Operator, name: str
) -> None:
    shared.put_key("emulator-demo-0000000001", name=name)
    batch = submitted(shared, name, apiKeySecretRef={"name": name, "key": "api-key"})
    creates = shared.emulator.requests("batches.create")
    shared.put_key("emulator-other-0000000001", name=name)
    shared.wait_condition(name, "Stalled", "KeyChanged")
    shared.put_key("emulator-demo-0000000001", name=name)
    eventually(lambda: shared.condition(name, "Stalled") == {}, timeout=20)
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(name)
    assert shared.emulator.requests("batches.create") == creates


def test_the_remote_end_is_told_as_it_is(shared: Operator, name: str) -> None:
    ends = {"fail": "RemoteFailed", "expire": "RemoteExpired", "cancel": "Cancelled"}
    for action, reason in ends.items():
        job = f"{name}-{action}"
        shared.emulator.job(submitted(shared, job), action)
        shared.wait_condition(job, "Failed", reason)
        status = shared.status(job)
        assert status["completionTime"]
        assert status.get("failures", 0) == (0 if action == "cancel" else 1)
