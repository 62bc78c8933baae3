"""The API server, or a policy of its administrator, refuses what the controller writes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.control_plane import ControlPlane
from local.kubectl import KubectlError
from tests.object_servers import S3Server
from tests.operator_process import GROUP, Operator, inline_job, job
from tests.stored_jobs import object_at, put_object, put_secret, requests, storage_flags
from tests.waiting import eventually

JSON = dict[str, Any]
Deny = Callable[[str, str, str], None]
"""Of a resource, with an expression and the reason of the denial."""

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def deny(control_plane: ControlPlane, namespace: str) -> Iterator[Deny]:
    """Deny updates of jobs in the test's namespace, except those for which the expression holds."""
    name = f"{namespace}-updates"
    made: list[str] = []

    def create(resource: str, expression: str, reason: str) -> None:
        rule = {
            "apiGroups": [GROUP],
            "apiVersions": ["*"],
            "operations": ["UPDATE"],
            "resources": [resource],
        }
        validation = {"expression": expression, "message": "not today", "reason": reason}
        policy = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [validation],
        }
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        binding = {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        }
        kinds = {
            "validatingadmissionpolicies": policy,
            "validatingadmissionpolicybindings": binding,
        }
        for kind, spec in kinds.items():
            body = {"metadata": {"name": name}, "spec": spec}
            control_plane.api.request("POST", f"{ADMISSION}/{kind}", body)
            made.append(kind)

    yield create
    for kind in reversed(made):
        control_plane.api.request("DELETE", f"{ADMISSION}/{kind}/{name}")


def refuses(operator: Operator, patch: JSON, *arguments: str) -> bool:
    """Whether the API server has loaded the policy, as a write by hand shows."""
    command = ("patch", "gbj", "probe", "--type=merge", "-p", json.dumps(patch), *arguments)
    try:
        operator.kubectl(*command)
    except KubectlError:
        return True
    return False


@pytest.mark.parametrize(
    ("reason", "shown"), [("Invalid", "Internal"), ("Forbidden", "WriteRefused")]
)
def test_p07_without_its_write_ahead_no_create_is_sent(
    operator: Operator, deny: Deny, reason: str, shown: str
) -> None:
    """And the job says what is in the way, without asking the API server all the time (S22)."""
    operator.apply(inline_job("probe"))
    deny("geminibatchjobs/status", "!has(object.status) || !has(object.status.attempt)", reason)
    attempt = {"id": "0" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z"}
    probe = {"status": {"attempt": attempt}}
    eventually(
        lambda: refuses(operator, probe, "--subresource=status"), timeout=30, what="a denial"
    )
    operator.kubectl("delete", "gbj", "probe")
    operator.start()
    operator.apply(inline_job("job"))
    assert "not today" in operator.wait_problem("job", shown)["message"]

    def refused() -> int:
        return operator.controller.text().count("the API server refused a status")

    eventually(lambda: refused() >= 4, what="the write to be tried again")
    assert operator.emulator.requests("batches.create") == 0
    assert refused() < 20


@pytest.mark.parametrize("reason", ["Invalid", "Forbidden"])
def test_a_job_that_may_not_be_held_says_so_and_is_not_submitted(
    operator: Operator, deny: Deny, reason: str
) -> None:
    operator.apply(inline_job("probe"))
    deny("geminibatchjobs", "!has(object.metadata.finalizers)", reason)
    probe = {"metadata": {"finalizers": ["example.com/probe"]}}
    eventually(lambda: refuses(operator, probe), timeout=30, what="a denial")
    operator.start()
    operator.apply(inline_job("job"))
    assert "not today" in operator.wait_condition("job", "Reconciling", "WriteRefused")["message"]
    assert "WriteRefused" in operator.kubectl("get", "gbj", "job")
    assert operator.emulator.requests("batches.create") == 0


def test_results_that_are_in_their_place_are_not_copied_again_for_a_write(
    operator: Operator, deny: Deny, s3: S3Server
) -> None:
    operator.apply(inline_job("probe"))
    deny("geminibatchjobs/status", "!has(object.status.output)", "Forbidden")
    probe = {"status": {"output": {"configMap": "probe"}}}
    eventually(
        lambda: refuses(operator, probe, "--subresource=status"), timeout=30, what="a denial"
    )
    operator.kubectl("delete", "gbj", "probe")
    operator.start(*storage_flags(s3))
    put_secret(operator)
    put_object(s3, "in.jsonl", requests(3, answered=1))
    operator.apply(job("job", object_at("in.jsonl"), output=object_at("out")))
    operator.wait_problem("job", "WriteRefused")

    def refused() -> int:
        return operator.controller.text().count("the API server refused a status")

    eventually(lambda: refused() >= 3, timeout=60, what="the write to be tried again")
    assert operator.emulator.requests("files.download") == 1
