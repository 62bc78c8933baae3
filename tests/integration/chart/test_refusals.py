"""Combinations of values that cannot work are refused before anything is installed."""

from typing import Any

import pytest

from chart.generated import schema
from local.chart import ChartError
from tests.integration.chart.rendering import at, merged, nested, one, render

EMULATOR = nested("emulator.enabled", True)
STATIC = {"namespace": "team-a", "name": "reviews", "secretName": "webhook"}
STORE = "controller.objectStore"
S3_SERVER = nested("emulator", {"enabled": True, "objectStore": {"enabled": True}})
INGRESS = {"ingress": {"enabled": True, "host": "jobs.example.com"}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (nested("ingress.enabled", True), "ingress.enabled needs ingress.host"),
        (nested("httpRoute.enabled", True), "httpRoute.enabled needs httpRoute.hostnames"),
        (
            {"httpRoute": {"enabled": True, "hostnames": ["jobs.example.com"]}},
            "httpRoute.enabled needs httpRoute.parentRefs",
        ),
        (
            {"publicUrl": "https://x.example.com", "callbackKeys": {"existingSecret": "mine"}},
            "callbackKeys.existingSecret needs callbackKeys.signingId",
        ),
        (
            nested("receiver.staticWebhooks", [STATIC, STATIC | {"secretName": "other"}]),
            "receiver.staticWebhooks has team-a/reviews twice",
        ),
        (nested("callbackKeys.signingId", "key-2"), "is not one of callbackKeys.ids"),
        (nested("apiKeySecrets.default.name", "other"), "the controller could not read it"),
        (nested("controller.createTimeoutSeconds", 31), "more than half of controller.submitGrace"),
        (nested("leaderElection.renewDeadlineSeconds", 15), "must be less than"),
        (nested("leaderElection.retryPeriodSeconds", 10), "must be less than"),
        (
            nested("controller.serviceAccount.create", False),
            "controller.serviceAccount.name must name a ServiceAccount",
        ),
        (
            merged([nested(f"{p}.serviceAccount.name", "one") for p in ("controller", "receiver")]),
            "controller and receiver have the same ServiceAccount",
        ),
        (
            {
                "callbackKeys": {
                    "existingSecret": "gemini-operator-callback-keys",
                    "signingId": "key-1",
                }
            },
            "is the Secret that the chart makes",
        ),
        (nested("service.nodePort", 30080), "need service.type NodePort or LoadBalancer"),
        (nested("service.externalTrafficPolicy", "Local"), "need service.type NodePort"),
        (
            {
                "httpRoute": {
                    "enabled": True,
                    "hostnames": ["*.example.com"],
                    "parentRefs": [{"name": "g"}],
                }
            },
            "has a wildcard",
        ),
        (merged([INGRESS, nested("publicUrl", "https://x.example.com/p")]), "publicUrl has a path"),
        (merged([INGRESS, nested("receiver.replicas", 0)]), "nobody would take the callbacks"),
        (nested("receiver.dnsPolicy", "None"), "needs receiver.dnsConfig"),
        (nested(f"{STORE}.endpoints", {"s3": "http://s3.example.com"}), "s3 is plain http"),
        (nested("emulator.objectStore.enabled", True), "needs emulator.enabled"),
        (
            merged([S3_SERVER, nested(f"{STORE}.endpoints", {"s3": "https://s3.example.com"})]),
            "exclude each other",
        ),
        (
            merged([S3_SERVER, nested("emulator.objectStore.secretName", "gemini-api-key")]),
            "is the Secret of the API key",
        ),
    ],
)
def test_a_sentence_says_what_cannot_be(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ChartError, match=says):
        render(values)


@pytest.mark.parametrize(
    "values",
    [
        merged([EMULATOR, INGRESS]),
        merged([EMULATOR, nested("httpRoute.enabled", True)]),
        merged([EMULATOR, nested("publicUrl", "https://x.example.com")]),
        merged([EMULATOR, nested("gemini.baseUrl", "https://x.example.com")]),
        merged([EMULATOR, nested("gemini.baseUrl", "https://generativelanguage.googleapis.com")]),
        merged([EMULATOR, nested("service.type", "LoadBalancer")]),
        nested("gemini.baseUrl", "http://x.example.com"),
        nested("publicUrl", "http://x.example.com"),
        nested("ingress.host", "https://x.example.com"),
        nested("namespaces", ["a", "a"]),
        nested("callbackKeys.ids", ["a", "a"]),
        nested("podDisruptionBudget.maxUnavailable", "half"),
        nested("imagePullSecrets", [{"nam": "x"}]),
        nested("receiver.terminationGracePeriodSeconds", 5),
        nested("controller.replica", 2),
        {"controler": {}},
        nested("controller.replicas", "two"),
        nested("image.digest", "sha256:abc"),
        nested("callbackKeys.ids", []),
        nested("callbackKeys.ids", ["../x"]),
        nested("namespaces", ["Team A"]),
        nested("emulator.replicas", 2),
        nested(f"{STORE}.endpoints", {"s4": "https://s3.example.com"}),
        nested(f"{STORE}.endpoints", {"s3": "ftp://s3.example.com"}),
        nested(f"{STORE}.endpoints", {"s3": "https://user@s3.example.com"}),
        nested(f"{STORE}.ambient", [{"namespace": "a", "uri": "https://x.example.com"}]),
        nested("controller.httpsInput.allow", ["10.0.0.1"]),
        nested("log.level", "trace"),
    ],
)
def test_the_schema_refuses_what_nobody_can_mean(values: dict[str, Any]) -> None:
    with pytest.raises(ChartError, match="values don't meet the specifications of the schema"):
        render(values)


def test_every_member_of_the_schema_has_a_description_and_every_object_is_closed() -> None:
    def check(node: dict[str, Any], path: str) -> None:
        for name, member in node.get("properties", {}).items():
            assert member.get("description"), f"{path}.{name}"
            check(member, f"{path}.{name}")
        if "properties" in node:
            assert node["additionalProperties"] is False, path

    check(schema(), "")


@pytest.mark.parametrize(
    ("values", "url"),
    [
        (INGRESS, "https://jobs.example.com"),
        (
            {
                "httpRoute": {
                    "enabled": True,
                    "hostnames": ["r.example.com"],
                    "parentRefs": [{"name": "g"}],
                }
            },
            "https://r.example.com",
        ),
        (
            merged([INGRESS, nested("publicUrl", "https://x.example.com")]),
            "https://x.example.com",
        ),
        (nested("publicUrl", "https://x.example.com/p"), "https://x.example.com/p"),
        ({}, None),
    ],
    ids=["ingress", "route", "said", "with a path", "none"],
)
def test_the_public_url_follows_from_how_the_receiver_is_reached(
    values: dict[str, Any], url: str | None
) -> None:
    args = at(
        one(render(values), "Deployment", "-controller"), "spec/template/spec/containers/0/args"
    )
    found = [arg.partition("=")[2] for arg in args if arg.startswith("--public-url=")]
    assert found == ([url] if url else [])


STRANGE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "numbers for names": ("123", "2024", {"fullnameOverride": "1e3"}),
    "keys that are no text": (
        "x",
        "x",
        {"callbackKeys": {"ids": ["1e3", "010", "2026_11", "null"]}},
    ),
    "labels of the chart's own": (
        "x",
        "x",
        {
            "commonLabels": {"app.kubernetes.io/name": "other", "team": "a"},
            "receiver": {"podLabels": {"app.kubernetes.io/instance": "other", "team": "b"}},
        },
    ),
    "dots": ("my.release", "x", {}),
    "long names": ("r" * 53, "n" * 63, {"emulator": {"enabled": True}}),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_names_are_still_names(case: str) -> None:
    release, namespace, values = STRANGE[case]
    objects = render(values, name=release, namespace=namespace)
    for each in objects:
        metadata = each["metadata"]
        assert isinstance(metadata["name"], str)
        assert metadata.get("namespace", namespace) == namespace
        assert all(isinstance(value, str) for value in metadata["labels"].values())
        assert len(metadata["name"]) <= 63
        if each["kind"] == "Service":
            assert "." not in metadata["name"]
        if each["kind"] == "Deployment":
            selector = each["spec"]["selector"]["matchLabels"]
            assert selector.items() <= each["spec"]["template"]["metadata"]["labels"].items()


def test_key_ids_stay_as_they_are() -> None:
    ids = ["1e3", "010", "2026_11", "null", "key.1"]
    secret = one(render(nested("callbackKeys.ids", ids)), "Secret", "-callback-keys")
    assert list(secret["data"]) == sorted(ids, key=ids.index)


def test_with_the_emulator_only_jobs_of_the_releases_namespace_are_worked_on() -> None:
    objects = render(EMULATOR, namespace="trial")
    args = at(one(objects, "Deployment", "-controller"), "spec/template/spec/containers/0/args")
    assert "--namespaces=trial" in args
    assert [o for o in objects if o["kind"] == "ClusterRoleBinding"] == []


def test_releases_of_two_namespaces_share_no_cluster_wide_object() -> None:
    kinds = ("ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy")

    def names(release: str, namespace: str) -> set[str]:
        objects = render(name=release, namespace=namespace)
        return {o["metadata"]["name"] for o in objects if o["kind"] in kinds}

    assert not names("a-gemini-operator", "team") & names("gemini-operator", "team-a")
