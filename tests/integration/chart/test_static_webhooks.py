"""A static webhook opens its path and gives its right, and neither is there without one."""

from typing import Any

import pytest

from local import chart
from tests.integration.chart.rendering import at, merged, nested, one, render

WEBHOOKS = [
    {"namespace": "team-a", "name": "reviews", "secretName": "webhook"},
    {"namespace": "team-b", "name": "reviews", "secretName": "other"},
]
EXPOSED = {
    "ingress": {"enabled": True, "host": "jobs.example.com"},
    "httpRoute": {
        "enabled": True,
        "hostnames": ["jobs.example.com"],
        "parentRefs": [{"name": "public"}],
    },
}
CALLBACKS, STATIC = "/v1/callbacks/", "/v1/static/"
CONTAINER = "spec/template/spec/containers/0"


def rendered(webhooks: list[dict[str, str]]) -> list[Any]:
    return render(merged([EXPOSED, nested("receiver.staticWebhooks", webhooks)]))


@pytest.mark.parametrize(
    ("webhooks", "paths"), [([], [CALLBACKS]), (WEBHOOKS, [CALLBACKS, STATIC])]
)
def test_the_path_is_open_only_with_a_static_webhook(
    webhooks: list[dict[str, str]], paths: list[str]
) -> None:
    objects = rendered(webhooks)
    ingress = at(one(objects, "Ingress"), "spec/rules/0/http/paths")
    assert [path["path"] for path in ingress] == paths
    route = at(one(objects, "HTTPRoute"), "spec/rules/0/matches")
    assert [match["path"]["value"] for match in route] == paths


@pytest.mark.parametrize(("webhooks", "may_list"), [([], False), (WEBHOOKS, True)])
def test_s19_the_receiver_may_list_jobs_only_with_a_static_webhook(
    webhooks: list[dict[str, str]], may_list: bool
) -> None:
    rules = chart.rules(rendered(webhooks), "-receiver")
    granted = {
        (name, verb) for rule in rules for name in rule["resources"] for verb in rule["verbs"]
    }
    listing = {("geminibatchjobs", "list")} if may_list else set()
    assert granted == {("geminibatchjobs/status", "patch")} | listing


def test_each_webhook_has_a_folder_with_its_secrets() -> None:
    deployment = one(rendered(WEBHOOKS), "Deployment", "-receiver")
    mounts = {m["name"]: m["mountPath"] for m in at(deployment, f"{CONTAINER}/volumeMounts")}
    volumes = {v["name"]: v["secret"] for v in at(deployment, "spec/template/spec/volumes")}
    root = "/etc/gemini-operator/static-webhooks"
    assert f"--static-secrets-dir={root}" in at(deployment, f"{CONTAINER}/args")
    found = {mounts[name]: secret["secretName"] for name, secret in volumes.items()}
    assert found[f"{root}/team-a/reviews"] == "webhook"
    assert found[f"{root}/team-b/reviews"] == "other"
    assert all(secret["defaultMode"] == 0o440 for secret in volumes.values())
