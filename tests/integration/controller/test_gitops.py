"""What Flux (with kstatus) and Argo CD (with the script of docs/gitops.md) make of a job's states."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import lupa
import pytest
import yaml

from gemini_operator.api.group import API_VERSION, GROUP, KIND
from local.binaries import build_missing
from local.places import KSTATUS
from tests.integration.controller.conftest import NEVER
from tests.markdown import fences, text_of
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

SCHEDULE = NEVER
PAGE = Path(__file__).parents[3] / "docs" / "gitops.md"


@pytest.fixture(scope="module")
def kstatus() -> Path:
    """A program that prints what the library computes."""
    return build_missing({"kstatus": KSTATUS}, print, os.environ)["kstatus"]


def computed(kstatus: Path, operator: Operator, name: str) -> tuple[str, str]:
    """What kstatus says, and what Argo CD does."""
    document = operator.kubectl("get", "gbj", name, "--output=json")
    done = subprocess.run(
        [kstatus], input=document, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip(), argo_health(json.loads(document))


def argo_health(document: dict[str, Any]) -> str:
    """Run the script, with the object as the global that Argo CD gives it."""
    [script] = [
        text
        for page in manifests()
        for name, text in page.get("data", {}).items()
        if name == f"resource.customizations.health.{GROUP}_{KIND}"
    ]
    lua = lupa.LuaRuntime()
    lua.globals().obj = lua.table_from(document, recursive=True)
    answer = lua.execute(script)
    assert answer["message"]
    return str(answer["status"])


def manifests() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in fences(text_of(PAGE), "yaml")]


def wait(kstatus: Path, operator: Operator, name: str, status: tuple[str, str]) -> None:
    eventually(lambda: computed(kstatus, operator, name) == status, timeout=30, what=str(status))


def test_nothing_is_done_before_the_controller_has_seen_it(
    kstatus: Path, operator: Operator
) -> None:
    operator.apply(inline_job("job"))
    assert computed(kstatus, operator, "job") == ("InProgress", "Progressing")


def test_a_job_is_in_progress_until_it_has_succeeded(
    kstatus: Path, shared: Operator, name: str
) -> None:
    batch = shared.submitted(name)
    assert computed(kstatus, shared, name) == ("InProgress", "Progressing")
    shared.emulator.job(batch, "succeed")
    shared.wait_complete(name)
    assert computed(kstatus, shared, name) == ("Current", "Healthy")


def test_a_failed_job_is_failed(kstatus: Path, shared: Operator, name: str) -> None:
    batch = shared.submitted(name)
    shared.emulator.job(batch, "fail")
    shared.wait_condition(name, "Failed", "RemoteFailed")
    assert computed(kstatus, shared, name) == ("Failed", "Degraded")
    stalled = shared.condition(name, "Stalled")
    assert stalled["message"] == shared.condition(name, "Failed")["message"]


def test_what_is_applied_in_the_wrong_order_never_flashes_as_failed(
    kstatus: Path, shared: Operator, name: str
) -> None:
    job = inline_job(name, apiKeySecretRef={"name": name, "key": "api-key"})
    shared.apply(job)
    shared.wait_condition(name, "Reconciling", "CredentialsMissing")
    assert computed(kstatus, shared, name) == ("InProgress", "Progressing")
    assert shared.status(name)["reason"] == "CredentialsMissing"
    row = shared.kubectl("get", "gbj", name)
    assert "CredentialsMissing" in row
    shared.put_key("emulator-demo-0000000002", name=name)
    shared.wait_condition(name, "Submitted")
    assert computed(kstatus, shared, name) == ("InProgress", "Progressing")
    assert "CredentialsMissing" not in json.dumps(shared.status(name))


def test_what_only_a_person_can_end_is_failed_at_once(
    kstatus: Path, shared: Operator, name: str
) -> None:
    shared.put_key("emulator-forbidden-0000000001", name=name)
    shared.apply(inline_job(name, apiKeySecretRef={"name": name, "key": "api-key"}))
    shared.wait_condition(name, "Stalled", "CredentialsRejected")
    assert computed(kstatus, shared, name) == ("Failed", "Degraded")


def test_a_suspended_job_is_as_it_should_be(kstatus: Path, shared: Operator, name: str) -> None:
    shared.apply(inline_job(name, suspend=True))
    shared.wait_condition(name, "Suspended")
    assert computed(kstatus, shared, name) == ("Current", "Suspended")
    shared.set(name, suspend=False)
    shared.wait_condition(name, "Submitted")
    assert computed(kstatus, shared, name) == ("InProgress", "Progressing")


def test_a_blocked_deletion_says_so(kstatus: Path, operator: Operator) -> None:
    operator.start()
    operator.submitted("job")
    operator.emulator.fault("batches.*", "status", status=503, count=None)
    operator.kubectl("delete", "gbj", "job", "--wait=false")
    wait(kstatus, operator, "job", ("Terminating", "Progressing"))
    eventually(lambda: operator.status("job")["state"] == "Deleting", timeout=30, what="Deleting")
    assert "DeletionBlocked" in operator.kubectl("get", "gbj", "job")
    operator.emulator.clear_faults()
    eventually(lambda: not operator.exists("job"), timeout=60, what="the deletion")


def test_the_health_check_of_flux_names_what_the_cluster_serves() -> None:
    [check] = [
        check
        for page in manifests()
        if page["kind"] == "Kustomization"
        for check in page["spec"]["healthChecks"]
    ]
    assert (check["apiVersion"], check["kind"]) == (API_VERSION, KIND)
