"""Every value of the chart does what its description says."""

from base64 import b64decode
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from chart.generated import leaves
from gemini_operator.base import flags
from gemini_operator.controller.command import controller
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.payload.objects.credentials import S3Credentials, from_secret
from tests.integration.chart.rendering import JSON, at, merged, nested, one, render

ABSENT = "(absent)"

POD = "spec/template/spec"
SOURCE = {"secretRef": {"name": "more"}}
CONTAINER = f"{POD}/containers/0"


@dataclass(frozen=True)
class Case:
    """A value, and where it must be found: kind, ending of the name, path in the object.

    `found` is what must be there; the value itself if it is None. ABSENT if nothing
    may be there. `scenario`: cases of one name are rendered together.
    """

    value: Any
    kind: str
    ending: str
    path: str
    found: Any = None
    scenario: str = "all"
    needs: JSON = field(default_factory=dict)


def flag(value: Any, text: str, process: str = "controller", scenario: str = "all") -> Case:
    """A value that becomes a flag of a process."""
    return Case(value, "Deployment", f"-{process}", f"{CONTAINER}/args", text, scenario)


MORE = {
    "controller": "--relist-interval=300",
    "receiver": "--host=::",
    "emulator": "--signature=both",
}
"""A flag that has no value of its own."""


def workload(process: str, scenario: str) -> dict[str, Case]:
    """The cases of a Deployment's values."""

    def case(value: Any, path: str, found: Any = None, *, kind: str = "Deployment") -> Case:
        return Case(value, kind, f"-{process}", path, found, scenario)

    volume = {"name": "more", "emptyDir": {}}
    mount = {"name": "more", "mountPath": "/more"}
    variable = {"name": "HTTPS_PROXY", "value": "http://proxy.example.com"}
    toleration = {"key": "dedicated", "operator": "Exists"}
    affinity: JSON = {"nodeAffinity": {}}
    spread = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    return {
        f"{process}.{name}": found
        for name, found in {
            "replicas": case(1 if process == "emulator" else 3, "spec/replicas"),
            "resources": case({"limits": {"cpu": "2"}}, f"{CONTAINER}/resources/limits/cpu", "2"),
            "serviceAccount.create": Case(
                False,
                "ServiceAccount",
                f"own-{process}",
                "kind",
                ABSENT,
                f"{scenario}, no accounts",
                nested(f"{process}.serviceAccount.name", f"own-{process}"),
            ),
            "serviceAccount.name": Case(
                f"own-{process}",
                "Deployment",
                f"-{process}",
                f"{POD}/serviceAccountName",
                None,
                f"{scenario}, own accounts",
            ),
            "serviceAccount.annotations": case(
                {"a": "b"}, "metadata/annotations/a", "b", kind="ServiceAccount"
            ),
            "extraArgs": case([MORE[process]], f"{CONTAINER}/args", MORE[process]),
            "extraEnv": case([variable], f"{CONTAINER}/env", variable),
            "extraEnvFrom": case([SOURCE], f"{CONTAINER}/envFrom", SOURCE),
            "extraInitContainers": case(
                [{"name": "first", "image": "first:1"}], f"{POD}/initContainers/0/name", "first"
            ),
            "extraVolumes": case([volume], f"{POD}/volumes", volume),
            "extraVolumeMounts": case([mount], f"{CONTAINER}/volumeMounts", mount),
            "extraContainers": case(
                [{"name": "two", "image": "two:1"}], f"{POD}/containers/1/name", "two"
            ),
            "deploymentAnnotations": case({"d": "e"}, "metadata/annotations/d", "e"),
            "podAnnotations": case({"f": "g"}, "spec/template/metadata/annotations/f", "g"),
            "podLabels": case({"h": "i"}, "spec/template/metadata/labels/h", "i"),
            "podSecurityContext": case({"runAsUser": 7}, f"{POD}/securityContext/runAsUser", 7),
            "securityContext": case(
                {"privileged": False}, f"{CONTAINER}/securityContext/privileged", False
            ),
            "livenessProbe": case(
                {"timeoutSeconds": 7}, f"{CONTAINER}/livenessProbe/timeoutSeconds", 7
            ),
            "readinessProbe": case(
                {"timeoutSeconds": 8}, f"{CONTAINER}/readinessProbe/timeoutSeconds", 8
            ),
            "startupProbe": case(
                {"timeoutSeconds": 9}, f"{CONTAINER}/startupProbe/timeoutSeconds", 9
            ),
            "nodeSelector": case({"disk": "ssd"}, f"{POD}/nodeSelector", {"disk": "ssd"}),
            "tolerations": case([toleration], f"{POD}/tolerations", toleration),
            "affinity": case(affinity, f"{POD}/affinity"),
            "topologySpreadConstraints": case([spread], f"{POD}/topologySpreadConstraints", spread),
            "priorityClassName": case("system-cluster-critical", f"{POD}/priorityClassName"),
            "dnsPolicy": case("None", f"{POD}/dnsPolicy"),
            "dnsConfig": case(
                {"nameservers": ["10.0.0.10"]}, f"{POD}/dnsConfig/nameservers/0", "10.0.0.10"
            ),
            "strategy": case({"type": "Recreate"}, "spec/strategy", {"type": "Recreate"}),
            "terminationGracePeriodSeconds": case(45, f"{POD}/terminationGracePeriodSeconds"),
            "revisionHistoryLimit": case(7, "spec/revisionHistoryLimit"),
        }.items()
    }


STORAGE = "emulator, storage"
S3_SERVER = "http://gemini-operator-object-store.gemini-operator.svc:7070"
TLS = {"hosts": ["jobs.example.com"], "secretName": "tls"}
PARENT = {"name": "public", "namespace": "gateways"}
PEER = {"podSelector": {"matchLabels": {"app": "ingress"}}}
EGRESS = {"ports": [{"port": 3128}]}

CASES: dict[str, Case] = {
    "enabled": Case(False, "Deployment", "-receiver", "kind", "Deployment"),
    "nameOverride": Case(
        "batches",
        "Deployment",
        "-controller",
        "metadata/name",
        "gemini-operator-batches-controller",
        "other names",
    ),
    "fullnameOverride": Case(
        "whole", "Deployment", "-controller", "metadata/name", "whole-controller", "whole names"
    ),
    "commonLabels": Case(
        {"team": "data"}, "Deployment", "-receiver", "metadata/labels/team", "data"
    ),
    "commonAnnotations": Case(
        {"owner": "data"}, "Deployment", "-receiver", "metadata/annotations/owner", "data"
    ),
    "global": Case({"x": 1}, "Deployment", "-receiver", "kind", "Deployment"),
    "image.repository": Case(
        "r.example.com/o",
        "Deployment",
        "-receiver",
        f"{CONTAINER}/image",
        "r.example.com/o:1@sha256:" + "a" * 64,
    ),
    "image.tag": Case(
        "1",
        "Deployment",
        "-controller",
        f"{CONTAINER}/image",
        "r.example.com/o:1@sha256:" + "a" * 64,
    ),
    "image.digest": Case(
        "sha256:" + "a" * 64,
        "Pod",
        "-test",
        "spec/containers/0/image",
        "r.example.com/o:1@sha256:" + "a" * 64,
    ),
    "image.pullPolicy": Case("Always", "Deployment", "-receiver", f"{CONTAINER}/imagePullPolicy"),
    "imagePullSecrets": Case(
        [{"name": "pull"}], "Pod", "-test", "spec/imagePullSecrets", {"name": "pull"}
    ),
    "crds.enabled": Case(False, "CustomResourceDefinition", "", "kind", ABSENT, "no CRDs"),
    "crds.keep": Case(
        False,
        "CustomResourceDefinition",
        "",
        "metadata/annotations/helm.sh~resource-policy",
        ABSENT,
        "CRDs go",
    ),
    "namespaces": Case(
        ["team-a", "team-b"],
        "Deployment",
        "-controller",
        f"{CONTAINER}/args",
        "--namespaces=team-a,team-b",
    ),
    "publicUrl": flag("https://public.example.com", "--public-url=https://public.example.com"),
    "gemini.baseUrl": flag(
        "https://gemini.example.com", "--gemini-base-url=https://gemini.example.com"
    ),
    "gemini.trustProxyEnvironment": flag(True, "--trust-proxy-environment"),
    "apiKeySecrets.default.name": flag("key", "--default-api-key-secret=key/k"),
    "apiKeySecrets.default.key": flag("k", "--default-api-key-secret=key/k"),
    "apiKeySecrets.allowedNames": Case(
        ["key", "other"],
        "ClusterRole",
        "-controller",
        "rules/2/resourceNames",
        "other",
        "names of Secrets",
        {"apiKeySecrets": {"default": {"name": "key"}}},
    ),
    "apiKeySecrets.anyName": Case(
        True, "ClusterRole", "-controller", "rules/2/resourceNames", ABSENT, "any Secret"
    ),
    "callbackKeys.existingSecret": Case(
        "mine",
        "Deployment",
        "-receiver",
        f"{POD}/volumes/0/secret/secretName",
        None,
        "own keys",
        {"callbackKeys": {"signingId": "k"}},
    ),
    "callbackKeys.ids": Case(["one", "two"], "Secret", "-callback-keys", "data", "two"),
    "callbackKeys.signingId": flag("two", "--callback-signing-key=two"),
    **workload("controller", "all"),
    "controller.maxOpenBatchesPerKey": flag(2_000_000, "--max-open-batches-per-key=2000000"),
    "controller.maxReadsPerSecondPerKey": flag(50, "--max-reads-per-second-per-key=50"),
    "controller.maxPriority": flag(0, "--max-priority=0"),
    "controller.workers": flag(32, "--workers=32"),
    "controller.sweepIntervalSeconds": flag(120, "--sweep-interval=120"),
    "controller.submitGraceSeconds": flag(90.5, "--submit-grace=90.5"),
    "controller.createTimeoutSeconds": flag(30, "--create-timeout=30"),
    "controller.objectStore.endpoints": flag(
        {"s3": "https://storage.example.com:9000", "gs://bucket": "http://gcs.example.com"},
        "--object-store-endpoint=gs://bucket=http://gcs.example.com",
    ),
    "controller.objectStore.allowInsecure": flag(True, "--allow-insecure-object-store"),
    "controller.objectStore.allowedSecretNames": Case(
        ["storage"],
        "ClusterRole",
        "-controller",
        "rules/3/resourceNames",
        ["storage"],
        "names of Secrets",
    ),
    "controller.objectStore.ambient": flag(
        [{"namespace": "team-a", "uri": "s3://bucket/team-a"}],
        "--ambient-object-store=team-a=s3://bucket/team-a",
    ),
    "controller.httpsInput.allow": flag(["10.20.0.0/16"], "--https-input-allow=10.20.0.0/16"),
    "controller.httpsInput.deny": flag(["203.0.113.0/24"], "--https-input-deny=203.0.113.0/24"),
    "leaderElection.leaseDurationSeconds": flag(30, "--lease-duration=30"),
    "leaderElection.renewDeadlineSeconds": flag(20, "--lease-renew-deadline=20"),
    "leaderElection.retryPeriodSeconds": flag(1.5, "--lease-retry-period=1.5"),
    **workload("receiver", "all"),
    "receiver.staticWebhooks": Case(
        [{"namespace": "team-a", "name": "reviews", "secretName": "webhook"}],
        "Deployment",
        "-receiver",
        f"{CONTAINER}/volumeMounts",
        {
            "name": "static-webhook-0",
            "mountPath": "/etc/gemini-operator/static-webhooks/team-a/reviews",
            "readOnly": True,
        },
    ),
    "service.type": Case("LoadBalancer", "Service", "-receiver", "spec/type"),
    "service.port": Case(8000, "Service", "-receiver", "spec/ports/0/port"),
    "service.nodePort": Case(30080, "Service", "-receiver", "spec/ports/0/nodePort"),
    "service.annotations": Case(
        {"lb": "x"}, "Service", "-receiver", "metadata/annotations/lb", "x"
    ),
    "service.labels": Case({"s": "t"}, "Service", "-receiver", "metadata/labels/s", "t"),
    "service.loadBalancerClass": Case(
        "example.com/internal", "Service", "-receiver", "spec/loadBalancerClass"
    ),
    "service.loadBalancerSourceRanges": Case(
        ["192.0.2.0/24"], "Service", "-receiver", "spec/loadBalancerSourceRanges", "192.0.2.0/24"
    ),
    "service.externalTrafficPolicy": Case(
        "Local", "Service", "-receiver", "spec/externalTrafficPolicy"
    ),
    "ingress.enabled": Case(
        True, "Ingress", "-receiver", "spec/rules/0/http/paths/0/path", "/v1/callbacks/"
    ),
    "ingress.className": Case("nginx", "Ingress", "-receiver", "spec/ingressClassName"),
    "ingress.host": Case("jobs.example.com", "Ingress", "-receiver", "spec/rules/0/host"),
    "ingress.tlsSecretName": Case("tls", "Ingress", "-receiver", "spec/tls", TLS),
    "ingress.annotations": Case({"c": "m"}, "Ingress", "-receiver", "metadata/annotations/c", "m"),
    "ingress.labels": Case({"l": "m"}, "Ingress", "-receiver", "metadata/labels/l", "m"),
    "httpRoute.enabled": Case(
        True, "HTTPRoute", "-receiver", "spec/rules/0/backendRefs/0/port", 8000
    ),
    "httpRoute.parentRefs": Case([PARENT], "HTTPRoute", "-receiver", "spec/parentRefs", PARENT),
    "httpRoute.hostnames": Case(
        ["jobs.example.com"], "HTTPRoute", "-receiver", "spec/hostnames", "jobs.example.com"
    ),
    "httpRoute.annotations": Case(
        {"o": "p"}, "HTTPRoute", "-receiver", "metadata/annotations/o", "p"
    ),
    "httpRoute.labels": Case({"q": "r"}, "HTTPRoute", "-receiver", "metadata/labels/q", "r"),
    "networkPolicy.enabled": Case(
        False, "NetworkPolicy", "-receiver", "kind", ABSENT, "no policies"
    ),
    "networkPolicy.receiverFrom": Case(
        [PEER], "NetworkPolicy", "-receiver", "spec/ingress/2/from", PEER
    ),
    "networkPolicy.metricsFrom": Case(
        [PEER], "NetworkPolicy", "-controller", "spec/ingress/1/from", PEER
    ),
    "networkPolicy.apiServerPorts": Case(
        [16443],
        "NetworkPolicy",
        "-controller",
        "spec/egress/1/ports",
        {"protocol": "TCP", "port": 16443},
    ),
    "networkPolicy.extraEgress": Case(
        [EGRESS], "NetworkPolicy", "-receiver", "spec/egress", EGRESS
    ),
    "rbac.create": Case(False, "ClusterRole", "-controller", "kind", ABSENT, "no roles"),
    "rbac.aggregate": Case(False, "ClusterRole", "-view", "kind", ABSENT, "no user roles"),
    "admissionPolicy.enabled": Case(
        False, "ValidatingAdmissionPolicy", "", "kind", ABSENT, "no admission policy"
    ),
    "podDisruptionBudget.enabled": Case(
        False, "PodDisruptionBudget", "-receiver", "kind", ABSENT, "no budgets"
    ),
    "podDisruptionBudget.maxUnavailable": Case(
        "50%", "PodDisruptionBudget", "-receiver", "spec/maxUnavailable"
    ),
    "metrics.podMonitor.enabled": Case(
        True, "PodMonitor", "", "spec/podMetricsEndpoints/0/port", "metrics"
    ),
    "metrics.podMonitor.labels": Case({"prom": "a"}, "PodMonitor", "", "metadata/labels/prom", "a"),
    "metrics.podMonitor.interval": Case(
        "1m", "PodMonitor", "", "spec/podMetricsEndpoints/0/interval"
    ),
    "metrics.prometheusRule.enabled": Case(
        True, "PrometheusRule", "", "spec/groups/0/name", "gemini-operator"
    ),
    "metrics.prometheusRule.labels": Case(
        {"prom": "b"}, "PrometheusRule", "", "metadata/labels/prom", "b"
    ),
    "log.format": flag("text", "--log-format=text", "receiver"),
    "log.level": flag("debug", "--log-level=debug"),
    "emulator.enabled": flag(
        True,
        "--gemini-base-url=http://gemini-operator-emulator.gemini-operator.svc:8085",
        scenario="emulator",
    ),
    **workload("emulator", "emulator"),
    "emulator.schedule": flag(
        "pending=1m,running=5m", "--schedule=pending=1m,running=5m", "emulator", "emulator"
    ),
    "emulator.objectStore.enabled": flag(
        True, f"--object-store-endpoint=s3={S3_SERVER}", scenario=STORAGE
    ),
    "emulator.objectStore.image": Case(
        "s3-server:1", "Deployment", "-object-store", f"{CONTAINER}/image", None, STORAGE
    ),
    "emulator.objectStore.secretName": Case(
        "my-storage",
        "Role",
        "-controller",
        "rules/3/resourceNames",
        ["my-storage"],
        STORAGE,
        nested("emulator.enabled", True),
    ),
    "emulator.objectStore.resources": Case(
        {"limits": {"cpu": "3"}},
        "Deployment",
        "-object-store",
        f"{CONTAINER}/resources/limits/cpu",
        "3",
        STORAGE,
    ),
    "extraObjects": Case(
        [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "{{ .Release.Name }}-x"},
            },
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Chart.Name }}-y'}",
        ],
        "ConfigMap",
        "-y",
        "metadata/name",
        "gemini-operator-y",
    ),
}


@cache
def values_of(scenario: str) -> JSON:
    """Everything that the cases of a scenario set."""
    start = {"emulator": {"enabled": True}} if scenario.startswith("emulator") else {}
    parts = [
        part
        for path, case in CASES.items()
        if case.scenario == scenario
        for part in (case.needs, nested(path, case.value))
    ]
    if scenario == "all":
        parts.append({"apiKeySecrets": {"allowedNames": ["key"]}})
    return merged([start, *parts])


@pytest.mark.parametrize("path", CASES)
def test_each_value_is_found_where_it_belongs(path: str) -> None:
    case = CASES[path]
    objects = render(values_of(case.scenario))
    if case.found == ABSENT and case.path == "kind":
        named = [o["metadata"]["name"] for o in objects if o["kind"] == case.kind]
        assert not any(name.endswith(case.ending) for name in named)
        return
    shown = at(one(objects, case.kind, case.ending), case.path)
    wanted = case.value if case.found is None else case.found
    if wanted == ABSENT:
        assert shown is None
    elif (isinstance(shown, list) and not isinstance(wanted, list)) or (
        isinstance(shown, dict) and isinstance(wanted, str)
    ):
        assert wanted in shown
    else:
        assert shown == wanted


def test_the_controller_reaches_the_ports_of_its_storage() -> None:
    def ports(values: JSON, process: str) -> list[int]:
        policy = one(render(values), "NetworkPolicy", f"-{process}")
        return [each["port"] for each in at(policy, "spec/egress/1/ports")]

    endpoints = {
        "s3": "https://storage.example.com:9000",
        "gs": "https://gcs.example.com/path",
        "az": "http://[2001:db8::1]",
        "s3://one": "http://[2001:db8::1]:9001/path",
    }
    values = nested("controller.objectStore", {"endpoints": endpoints, "allowInsecure": True})
    assert ports({}, "controller") == ports(values, "receiver") == [443, 6443]
    assert sorted(ports(values, "controller")) == [80, 443, 6443, 9000, 9001]


@pytest.mark.parametrize("scenario", ["all", STORAGE])
def test_the_controller_takes_its_flags_for_storage(scenario: str) -> None:
    args = at(one(render(values_of(scenario)), "Deployment", "-controller"), f"{CONTAINER}/args")
    names = ("--object-store-", "--allow-insecure-object-", "--ambient-object-", "--https-input-")
    chosen = [arg for arg in args if arg.startswith(names)]
    with controller.make_context("controller", chosen) as context:
        settings = flags.build(ControllerSettings, context.params).objects
    if scenario == STORAGE:
        assert dict(settings.endpoints) == {"s3": S3_SERVER}
        return
    assert dict(settings.endpoints) == CASES["controller.objectStore.endpoints"].value
    [ambient] = settings.ambient
    assert (ambient.namespace, ambient.location.uri) == ("team-a", "s3://bucket/team-a")
    assert [str(each) for each in settings.https_allow] == ["10.20.0.0/16"]
    assert [str(each) for each in settings.https_deny] == ["203.0.113.0/24"]


def test_the_s3_server_is_reached_by_the_controller_only() -> None:
    objects = render(nested("emulator", {"enabled": True, "objectStore": {"enabled": True}}))
    server = one(objects, "NetworkPolicy", "-object-store")["spec"]
    assert server["egress"] == []
    [rule] = server["ingress"]
    component = "podSelector/matchLabels/app.kubernetes.io~component"
    assert [at(peer, component) for peer in rule["from"]] == ["controller"]
    reached = {
        process: [
            at(peer, component)
            for each in one(objects, "NetworkPolicy", f"-{process}")["spec"]["egress"]
            for peer in each.get("to", [])
        ]
        for process in ("controller", "receiver", "emulator")
    }
    assert "object-store" in reached["controller"]
    assert "object-store" not in reached["receiver"] + reached["emulator"]
    # The Secret has the keys that a job's credentials may have, and no other.
    secret = one(objects, "Secret", "object-store")
    data = {key: b64decode(value) for key, value in secret["data"].items()}
    assert isinstance(from_secret("object-store", data, "s3"), S3Credentials)


def test_no_value_is_forgotten() -> None:
    assert CASES.keys() == leaves().keys()
