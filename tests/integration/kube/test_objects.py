"""Secrets, ConfigMaps and Events, as the API server stores and refuses them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from gemini_operator.kube import config_maps, events, secrets
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import AlreadyExists, BadName, ObjectNotFound
from gemini_operator.kube.secrets import KeyMissing
from local.control_plane import ControlPlane
from local.kubectl import Kubectl
from tests.operator_process import inline_job

NOW = datetime(2026, 5, 4, 12, 0, 0, 123456, tzinfo=UTC)


async def test_a_secrets_key_is_read_and_hidden_from_logs(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    value = "emulator-0123456789abcdef"
    literal = f"--from-literal=api-key={value}"
    kubectl("create", "secret", "generic", "gemini-api-key", literal, "-n", namespace)
    key = await secrets.read_key(client, namespace, "gemini-api-key", "api-key")
    assert key.get_secret_value() == value
    assert value not in f"{key!r} {key}"


async def test_a_missing_secret_is_told_from_a_missing_key(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(ObjectNotFound):
        await secrets.read_key(client, namespace, "gemini-api-key", "api-key")
    kubectl(
        "create", "secret", "generic", "gemini-api-key", "--from-literal=empty=", "-n", namespace
    )
    for key in ("api-key", "empty"):
        with pytest.raises(KeyMissing, match="no such key, or it is empty"):
            await secrets.read_key(client, namespace, "gemini-api-key", key)


async def test_a_secret_that_is_no_text_is_refused_without_showing_it(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "binary", "namespace": namespace},
        "data": {"api-key": "/////w=="},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    with pytest.raises(KeyMissing, match="not UTF-8") as error:
        await secrets.read_key(client, namespace, "binary", "api-key")
    assert "/////w" not in str(error.value)


async def test_a_whole_secret_is_read(client: KubeClient, kubectl: Kubectl, namespace: str) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "storage",
            "namespace": namespace,
            "annotations": {"gemini-operator.io/hosts": "example.com"},
        },
        "stringData": {"token": "hidden", "empty": ""},
    }
    kubectl("create", "-f", "-", stdin=json.dumps(manifest))
    secret = await secrets.read(client, namespace, "storage")
    assert {key: value.get_secret_value() for key, value in secret.data.items()} == {
        "token": "hidden",
        "empty": "",
    }
    assert secret.annotations["gemini-operator.io/hosts"] == "example.com"
    assert "hidden" not in repr(secret)


async def test_s03_a_secret_of_another_namespace_cannot_be_named(client: KubeClient) -> None:
    with pytest.raises(BadName):
        await secrets.read_key(client, "default", "../../kube-system/secrets/x", "api-key")


async def test_s08_an_existing_config_map_is_not_overwritten(
    client: KubeClient, namespace: str
) -> None:
    first = {"metadata": {"name": "results"}, "data": {"results.jsonl": "mine"}}
    await config_maps.create(client, namespace, first)
    with pytest.raises(AlreadyExists):
        await config_maps.create(client, namespace, {**first, "data": {"results.jsonl": "yours"}})
    assert (await config_maps.get(client, namespace, "results"))["data"] == first["data"]


async def test_a_missing_config_map_is_not_found(client: KubeClient, namespace: str) -> None:
    with pytest.raises(ObjectNotFound):
        await config_maps.get(client, namespace, "absent")


async def post(
    client: KubeClient,
    namespace: str,
    message: str = "It is waiting.",
    *,
    minute: int = 0,
    name: str = "job.queued",
    **job: str,
) -> None:
    kind = {"apiVersion": "gemini-operator.io/v1alpha1", "kind": "GeminiBatchJob", "name": "job"}
    await events.post(
        client,
        regarding={**kind, "namespace": namespace, **job},
        reason="Queued",
        type="Normal",
        message=message,
        action="Submit",
        now=NOW + timedelta(minutes=minute),
        name=name,
    )


async def test_an_event_is_shown_by_kubectl(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    await post(client, namespace)
    shown = kubectl("events", "-n", namespace, "--for=geminibatchjob/job")
    assert "Queued" in shown
    assert "It is waiting." in shown


async def test_an_event_that_happens_again_is_counted(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    await post(client, namespace)
    with pytest.raises(AlreadyExists):
        await post(client, namespace)
    later = NOW + timedelta(minutes=5)
    await events.repeat(client, namespace=namespace, name="job.queued", count=2, now=later)
    event = json.loads(
        kubectl("get", "events.events.k8s.io", "job.queued", "-n", namespace, "-o", "json")
    )
    assert event["deprecatedCount"] == 2
    assert event["deprecatedLastTimestamp"] == "2026-05-04T12:05:00Z"


async def test_kubectl_describe_shows_events_in_the_order_of_their_times(
    client: KubeClient, kubectl: Kubectl, control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    uid = control_plane.api.request("POST", path, inline_job("job"))["metadata"]["uid"]
    for minute in (3, 0, 5, 1, 4, 2):
        text, name = f"Minute {minute}", f"job.{minute}"
        await post(client, namespace, text, minute=minute, name=name, uid=uid)
    shown = re.findall(r"Minute (\d)", kubectl("describe", "gbj", "job", "-n", namespace))
    assert shown == ["0", "1", "2", "3", "4", "5"]


async def test_s22_a_note_beyond_the_api_servers_bound_is_cut_not_refused(
    client: KubeClient, kubectl: Kubectl, namespace: str
) -> None:
    await post(client, namespace, "ä" * 5000 + "\x1b[31m")
    event = json.loads(
        kubectl("get", "events.events.k8s.io", "job.queued", "-n", namespace, "-o", "json")
    )
    assert 1000 <= len(event["note"].encode()) <= 1024
