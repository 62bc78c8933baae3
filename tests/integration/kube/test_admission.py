"""How an admission policy's refusal looks to the receiver (rules S12 and S13)."""

from collections.abc import Iterator
from typing import Any

import pytest

from gemini_operator.kube import patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.errors import Invalid, KubeError
from local.control_plane import ControlPlane
from tests.integration.kube.conftest import JobMaker
from tests.waiting import eventually_async

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
ATTEMPT = "0123456789abcdef"
STATUS = {"attempt": {"id": ATTEMPT, "number": 1, "startTime": "2026-05-04T12:00:00Z"}}
EVENT = {
    "id": "refused",
    "type": "batch.succeeded",
    "attempt": ATTEMPT,
    "time": "2026-05-04T12:00:00Z",
}


@pytest.fixture
def refusing_policy(control_plane: ControlPlane, namespace: str) -> Iterator[None]:
    """Refuses events named `refused` in the namespace of the test."""
    rule = {
        "apiGroups": ["gemini-operator.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["geminibatchjobs/status"],
    }
    check = "!has(object.status.lastEvent) || object.status.lastEvent.id != 'refused'"
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": check, "message": "refused by policy"}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    for kind, body in kinds.items():
        control_plane.api.request("POST", f"{ADMISSION}/{kind}", body)
    yield
    for kind in reversed(kinds):
        control_plane.api.request("DELETE", f"{ADMISSION}/{kind}/{namespace}")


@pytest.mark.usefixtures("refusing_policy")
async def test_s13_a_policys_refusal_has_causes_where_a_failed_test_has_none(
    jobs: BatchJobs, make_job: JobMaker
) -> None:
    job = make_job(status=STATUS)
    metadata: dict[str, Any] = job["metadata"]
    place = metadata["namespace"], metadata["name"]

    async def refusal() -> KubeError | None:
        """None as long as the API server has not loaded the new policy."""
        body = patches.record_event(metadata["uid"], ATTEMPT, EVENT)
        try:
            await jobs.patch_status(*place, body, merge=False)
        except KubeError as error:
            return error
        return None

    denied = await eventually_async(refusal, timeout=30, what="the policy to take effect")
    assert isinstance(denied, Invalid)
    assert denied.has_causes
    assert "refused by policy" in denied.message

    body = patches.record_event(metadata["uid"], "f" * 16, EVENT)
    with pytest.raises(Invalid) as failed:
        await jobs.patch_status(*place, body, merge=False)
    assert not failed.value.has_causes
