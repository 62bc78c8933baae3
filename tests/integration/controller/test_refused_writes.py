"""The API server, or a policy of its administrator, refuses what the controller writes."""

import json
from collections.abc import Iterator

import pytest

from local.control_plane import ControlPlane
from local.kubectl import KubectlError
from tests.operator_process import GROUP, Operator, inline_job
from tests.waiting import eventually

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture
def refusing_attempts(control_plane: ControlPlane, namespace: str) -> Iterator[None]:
    """A policy that lets every status pass but one with an attempt, in the test's namespace."""
    name = f"{namespace}-attempts"
    rule = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["geminibatchjobs/status"],
    }
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [
            {
                "expression": "!has(object.status) || !has(object.status.attempt)",
                "message": "no attempts today",
            }
        ],
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": selector},
    }
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    for kind, spec in kinds.items():
        body = {"metadata": {"name": name}, "spec": spec}
        control_plane.api.request("POST", f"{ADMISSION}/{kind}", body)
    yield
    for kind in reversed(kinds):
        control_plane.api.request("DELETE", f"{ADMISSION}/{kind}/{name}")


def refuses(operator: Operator) -> bool:
    """Whether the API server has loaded the policy, as a write by hand shows."""
    attempt = {"id": "0" * 16, "number": 1, "startTime": "2026-01-01T00:00:00Z"}
    patch = json.dumps({"status": {"attempt": attempt}})
    arguments = ("patch", "gbj", "probe", "--subresource=status", "--type=merge", "-p", patch)
    try:
        operator.kubectl(*arguments)
    except KubectlError:
        return True
    return False


@pytest.mark.usefixtures("refusing_attempts")
def test_p07_without_its_write_ahead_no_create_is_sent(operator: Operator) -> None:
    """And the job says what is in the way, without asking the API server all the time (S22)."""
    operator.apply(inline_job("probe"))
    eventually(lambda: refuses(operator), timeout=30, what="the policy to take effect")
    operator.kubectl("delete", "gbj", "probe")
    operator.start()
    operator.apply(inline_job("job"))
    stalled = operator.wait_condition("job", "Stalled", "Internal")
    assert "no attempts today" in stalled["message"]

    def refused() -> int:
        return operator.controller.text().count("the API server refused a status")

    eventually(lambda: refused() >= 4, what="the write to be tried again")
    assert operator.emulator.requests("batches.create") == 0
    assert refused() < 20
