"""Combinations of values that cannot work are refused before anything is installed."""

from typing import Any

import pytest

from chart.generated import schema
from local.chart import ChartError
from tests.integration.chart.rendering import at, merged, nested, one, render

EMULATOR = nested("emulator.enabled", True)
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
        (nested("callbackKeys.signingId", "key-2"), "is not one of callbackKeys.ids"),
        (nested("apiKeySecrets.default.name", "other"), "the controller could not read it"),
        (nested("controller.createTimeoutSeconds", 31), "more than half of controller.submitGrace"),
        (nested("leaderElection.renewDeadlineSeconds", 15), "must be less than"),
        (nested("leaderElection.retryPeriodSeconds", 10), "must be less than"),
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
        nested("gemini.baseUrl", "http://x.example.com"),
        nested("controller.replica", 2),
        {"controler": {}},
        nested("controller.replicas", "two"),
        nested("image.digest", "sha256:abc"),
        nested("callbackKeys.ids", []),
        nested("callbackKeys.ids", ["../x"]),
        nested("namespaces", ["Team A"]),
        nested("emulator.replicas", 2),
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
            merged([INGRESS, nested("publicUrl", "https://x.example.com/p")]),
            "https://x.example.com/p",
        ),
        ({}, None),
    ],
    ids=["ingress", "route", "said", "none"],
)
def test_the_public_url_follows_from_how_the_receiver_is_reached(
    values: dict[str, Any], url: str | None
) -> None:
    args = at(
        one(render(values), "Deployment", "-controller"), "spec/template/spec/containers/0/args"
    )
    found = [arg.partition("=")[2] for arg in args if arg.startswith("--public-url=")]
    assert found == ([url] if url else [])
