"""What the chart renders is accepted by a real API server, and does there what it is for."""

import copy
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from local.access import Account
from local.api import MERGE_PATCH, AdminApi, ApiError
from local.control_plane import ControlPlane
from tests.integration.chart.conftest import Apply
from tests.integration.chart.rendering import merged, nested, one, render
from tests.integration.chart.test_values import CASES, values_of
from tests.operator_process import inline_job
from tests.waiting import eventually

PRIVATE_CLUSTER: dict[str, Any] = {}
SCENARIOS: dict[str, dict[str, Any]] = {
    **{name: values_of(name) for name in sorted({case.scenario for case in CASES.values()})},
    "defaults": PRIVATE_CLUSTER,
    "emulator only": nested("emulator.enabled", True),
    "one namespace": merged([nested("namespaces", ["default"]), nested("controller.replicas", 2)]),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_rendering_is_accepted(
    cluster: ControlPlane, namespace: str, apply: Apply, scenario: str
) -> None:
    for name in ("team-a", "team-b"):
        if not cluster.api.answers(f"/api/v1/namespaces/{name}"):
            cluster.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    objects = render(SCENARIOS[scenario], namespace=namespace)
    said = apply(_here(objects, namespace), dry_run=True)
    assert said.count("serverside-applied") == len(objects)


def _here(objects: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    """Extra objects have no namespace; Helm puts them into the release's."""
    found = copy.deepcopy(objects)
    for each in found:
        if each["kind"] == "ConfigMap":
            each["metadata"].setdefault("namespace", namespace)
    return found


@pytest.mark.parametrize(
    "values",
    [
        {},
        nested("emulator.enabled", True),
        nested("emulator", {"enabled": True, "objectStore": {"enabled": True}}),
    ],
    ids=["plain", "emulator", "emulator with storage"],
)
def test_pods_are_admitted_where_pod_security_restricted_is_enforced(
    namespace: str, apply: Apply, values: dict[str, Any]
) -> None:
    objects = render(values, namespace=namespace)
    apply([o for o in objects if o["kind"] == "ServiceAccount"])
    deployments = [o for o in objects if o["kind"] == "Deployment"]
    pods = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": d["metadata"]["name"], "namespace": namespace},
            "spec": d["spec"]["template"]["spec"],
        }
        for d in deployments
    ]
    pods += [o for o in objects if o["kind"] == "Pod"]
    assert len(pods) >= 3
    apply(pods, dry_run=True)


# The admission policy of the receiver


@pytest.fixture
def receiver(cluster: ControlPlane, namespace: str, apply: Apply) -> Iterator[AdminApi]:
    """The API server as the receiver's account sees it, with a role that allows far too much."""
    name = f"policy-{namespace}"
    objects = render({"fullnameOverride": name[:40]}, namespace=namespace)
    kinds = ("ServiceAccount", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    apply([o for o in objects if o["kind"] in kinds])
    account = Account(namespace, one(objects, "ServiceAccount", "-receiver")["metadata"]["name"])
    everything = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    account.grant(cluster.api, [everything], cluster_wide=False)
    token = account.token(cluster.api, seconds=600)
    with closing(AdminApi(cluster.api.server, cluster.api.authority, token)) as found:
        eventually(lambda: _is_guarded(found, namespace), timeout=10, what="the policy to act")
        yield found


def _is_guarded(api: AdminApi, namespace: str) -> bool:
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs?dryRun=All"
    try:
        api.request("POST", path, inline_job("guarded"))
    except ApiError as error:
        return "The receiver may" in str(error)
    return False


STATUS = {
    "observedGeneration": 1,
    "state": "Running",
    "batchName": "batches/abc",
    "attempt": {"id": "0123456789abcdef", "number": 1, "startTime": "2026-01-01T00:00:00Z"},
    "failures": 1,
}
EVENT = {"id": "event-1", "attempt": "0123456789abcdef", "type": "batch.succeeded"}


def put_job(cluster: ControlPlane, namespace: str, status: dict[str, Any]) -> str:
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    cluster.api.request("POST", path, inline_job("one"))
    if status:
        patch(cluster.api, f"{path}/one/status", {"status": status})
    return f"{path}/one"


def patch(api: AdminApi, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = api.request("PATCH", path, body, content_type=MERGE_PATCH)
    return answer


def test_s12_the_receiver_records_an_event(
    cluster: ControlPlane, namespace: str, receiver: AdminApi
) -> None:
    path = put_job(cluster, namespace, STATUS)
    kept = patch(receiver, f"{path}/status", {"status": {"lastEvent": EVENT}})["status"]
    assert kept == {**STATUS, "lastEvent": EVENT}
    removed = patch(receiver, f"{path}/status", {"status": {"lastEvent": None}})["status"]
    assert removed == STATUS


FORGERIES: dict[str, dict[str, Any]] = {
    "another value": {"batchName": "batches/other"},
    "a member of an object": {"attempt": {"number": 2}},
    "a new field": {"completionTime": "2026-01-01T00:00:00Z"},
    "conditions": {
        "conditions": [
            {
                "type": "Complete",
                "status": "True",
                "reason": "Succeeded",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    },
    "a field removed": {"failures": None},
    "beside an event": {"lastEvent": EVENT, "state": "Succeeded"},
}


@pytest.mark.parametrize("change", FORGERIES)
def test_s12_the_receiver_changes_nothing_else(
    cluster: ControlPlane, namespace: str, receiver: AdminApi, change: str
) -> None:
    path = put_job(cluster, namespace, STATUS)
    with pytest.raises(ApiError) as refused:
        patch(receiver, f"{path}/status", {"status": FORGERIES[change]})
    assert "The receiver may not change status." in str(refused.value)
    assert cluster.api.request("GET", path)["status"] == STATUS


def test_s12_every_field_of_the_status_is_guarded(namespace: str) -> None:
    objects = render(namespace=namespace)
    [version] = one(objects, "CustomResourceDefinition")["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"].keys()
    rules = json.dumps(one(objects, "ValidatingAdmissionPolicy"))
    assert [f for f in fields if f"status.?{f} " not in rules] == ["lastEvent"]


def test_s12_the_receiver_changes_no_object(
    cluster: ControlPlane, namespace: str, receiver: AdminApi
) -> None:
    path = put_job(cluster, namespace, STATUS)
    for body in ({"metadata": {"finalizers": ["x.example.com/y"]}}, {"spec": {"suspend": True}}):
        with pytest.raises(ApiError, match="the status of a job and nothing else"):
            patch(receiver, path, body)
    with pytest.raises(ApiError, match="the status of a job and nothing else"):
        receiver.request("POST", path.rpartition("/")[0], inline_job("two"))
    with pytest.raises(ApiError, match="the status of a job and nothing else"):
        receiver.request("DELETE", path)


def test_s12_a_job_without_a_status_gets_none_from_the_receiver(
    cluster: ControlPlane, namespace: str, receiver: AdminApi
) -> None:
    path = put_job(cluster, namespace, {})
    with pytest.raises(ApiError, match=r"may not change status\.state"):
        patch(receiver, f"{path}/status", {"status": {"state": "Running"}})


@pytest.mark.usefixtures("receiver")
def test_s12_others_are_not_concerned(cluster: ControlPlane, namespace: str) -> None:
    path = put_job(cluster, namespace, STATUS)
    patch(cluster.api, f"{path}/status", {"status": {"state": "Succeeded"}})
