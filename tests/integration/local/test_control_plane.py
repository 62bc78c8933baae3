import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from local.api import MERGE_PATCH, ApiError
from local.control_plane import ControlPlane
from local.errors import LocalError
from local.kubectl import Kubectl, KubectlError

KubeconfigFor = Callable[..., Path]

CONFIG_MAPS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}


def test_a_namespace_gets_its_default_service_account(kubectl: Kubectl, namespace: str) -> None:
    kubectl("wait", "--for=create", "serviceaccount/default", "-n", namespace, "--timeout=10s")


def test_a_restricted_account_may_do_what_its_rules_say_and_nothing_else(
    control_plane: ControlPlane, namespace: str, service_account_kubeconfig: KubeconfigFor
) -> None:
    restricted = Kubectl(control_plane.binaries.kubectl, service_account_kubeconfig([CONFIG_MAPS]))
    restricted("create", "configmap", "allowed", "-n", namespace)
    with pytest.raises(KubectlError, match="cannot get resource"):
        restricted("get", "configmap", "allowed", "-n", namespace)


def test_the_audit_log_names_each_write(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "counted", "-n", namespace)
    writes = [
        event["verb"]
        for event in control_plane.audit_events()
        if event["objectRef"].get("namespace") == namespace
        and event["objectRef"].get("name") == "counted"
    ]
    assert writes == ["create"]


def test_the_api_server_comes_back_on_its_port_with_its_data(
    control_plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "kept", "-n", namespace)
    server = control_plane.server
    control_plane.stop_apiserver(kill=True)
    assert not control_plane.api.answers("/readyz")
    control_plane.start_apiserver()
    assert control_plane.server == server
    kept = json.loads(kubectl("get", "configmap", "kept", "-n", namespace, "-o", "json"))
    assert kept["metadata"]["name"] == "kept"


def test_a_refused_request_tells_its_status(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"metadata": {"name": "twice"}}
    control_plane.api.request("POST", path, body)
    with pytest.raises(ApiError, match="already exists") as refused:
        control_plane.api.request("POST", path, body)
    assert refused.value.status == 409
    with (
        pytest.raises(ApiError, match="404 page not found") as unknown,
        control_plane.api.lines("/apis/example.com/v1/things?watch=true", timeout=10),
    ):
        pass
    assert unknown.value.status == 404


def test_a_watch_is_read_while_it_goes_on(control_plane: ControlPlane, namespace: str) -> None:
    api, path = control_plane.api, f"/api/v1/namespaces/{namespace}/configmaps"
    version = api.request("GET", path)["metadata"]["resourceVersion"]
    watch = f"{path}?watch=true&resourceVersion={version}&fieldSelector=metadata.name%3Dwatched"
    with api.lines(watch, timeout=10) as lines:
        api.request("POST", path, {"metadata": {"name": "watched"}, "data": {"a": "1"}})
        assert json.loads(next(lines))["type"] == "ADDED"
        api.request("PATCH", f"{path}/watched", {"data": {"a": None}}, MERGE_PATCH)
        changed = json.loads(next(lines))
    assert changed["type"] == "MODIFIED"
    assert "data" not in changed["object"]


def test_a_start_that_fails_tells_the_last_log_line(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    broken = replace(control_plane.binaries, etcd=Path("/bin/false"))
    with pytest.raises(LocalError, match="etcd ended at its start"), ControlPlane(tmp_path, broken):
        pytest.fail("it started without etcd")
