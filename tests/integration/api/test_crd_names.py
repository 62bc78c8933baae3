"""Rule S3: no name in a job can leave the place it is meant for."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.integration.api.jobs import Jobs, minimal

SpecOf = Callable[[str], Any]


def adopting(**adopt: str) -> Any:
    return minimal(input=None, adopt=adopt, deletionPolicy="Orphan")


RESOURCES: Mapping[str, SpecOf] = {
    "apiKeySecretRef.name": lambda name: minimal(apiKeySecretRef={"name": name, "key": "a"}),
    "input.configMapKeyRef.name": lambda name: minimal(
        input={"configMapKeyRef": {"name": name, "key": "a"}}
    ),
    "input.object.credentialsSecretRef.name": lambda name: minimal(
        input={"object": {"uri": "s3://bucket/a", "credentialsSecretRef": {"name": name}}}
    ),
    "output.configMap.name": lambda name: minimal(output={"configMap": {"name": name}}),
    "output.object.credentialsSecretRef.name": lambda name: minimal(
        output={"object": {"uri": "s3://bucket/a", "credentialsSecretRef": {"name": name}}}
    ),
}
KEYS: Mapping[str, SpecOf] = {
    "apiKeySecretRef.key": lambda key: minimal(apiKeySecretRef={"name": "a", "key": key}),
    "input.configMapKeyRef.key": lambda key: minimal(
        input={"configMapKeyRef": {"name": "a", "key": key}}
    ),
}
REMOTE: Mapping[str, SpecOf] = {
    "model": lambda name: minimal(model=name),
    "input.fileName": lambda name: minimal(input={"fileName": name}),
    "adopt.batchName": lambda name: adopting(batchName=name),
    "adopt.previousUID": lambda uid: adopting(batchName="batches/a", previousUID=uid),
}
URIS: Mapping[str, SpecOf] = {
    "input.object.uri": lambda uri: minimal(input={"object": {"uri": uri}}),
    "output.object.uri": lambda uri: minimal(output={"object": {"uri": uri}}),
}

ESCAPES = (
    "",
    ".",
    "..",
    "../secrets",
    "../../other/secrets/x",
    "a/b",
    "a/../b",
    "/a",
    "a/",
    "%2e%2e",
)
ODD = ("a b", "a\n", "\na", "a\x00", "é", "a?b", "a#b", "a;b", "a\\b", "x" * 254)
NOT_RESOURCES = (*ESCAPES, *ODD, "Upper", "under_score", "-a", "a-", "a..b", ".a")
NOT_KEYS = (*ESCAPES, *ODD, "..a")
NOT_REMOTE = {
    "model": (*ESCAPES, *ODD, "models/", "models/..", "models/../files/x", "other/a", "models/a/b"),
    "input.fileName": (
        *ESCAPES,
        *ODD,
        "a",
        "files/",
        "files/..",
        "files/a/b",
        "files/A",
        "batches/a",
    ),
    "adopt.batchName": (*ESCAPES, *ODD, "a", "batches/", "batches/..", "batches/a/b", "files/a"),
    "adopt.previousUID": (*ESCAPES, *ODD, "a", "0" * 36),
}
NOT_URIS = (
    *ESCAPES,
    "bucket/a",
    "file:///etc/passwd",
    "http://example.com/a",
    "https://user:password@example.com/a",
    "https://example.com:8443/a",
    "https://[::1]/a",
    "https://example.com/a#b",
    "https://example.com/../a",
    "s3://bucket/../a",
    "s3://bucket/./a",
    "s3://bucket/a/..",
    "s3://bucket/a?b",
    "s3://bucket/a b",
    "s3://bucket/a\x1b[2J",
    "s3://../a",
    "S3://bucket/a",
    "gs://b/a",
    "az://" + "c" * 3000,
)


@pytest.mark.parametrize("field", RESOURCES)
def test_s03_names_of_resources(jobs: Jobs, field: str) -> None:
    assert_refused(jobs, field, RESOURCES[field], NOT_RESOURCES)
    for good in ("a", "gemini-api-key", "a.b", "0", "x" * 253):
        jobs.accepted(RESOURCES[field](good))


@pytest.mark.parametrize("field", KEYS)
def test_s03_keys_of_secrets_and_config_maps(jobs: Jobs, field: str) -> None:
    assert_refused(jobs, field, KEYS[field], NOT_KEYS)
    for good in ("a", "api-key", "input.jsonl", ".hidden", "API_KEY", "a..b"):
        jobs.accepted(KEYS[field](good))


@pytest.mark.parametrize("field", REMOTE)
def test_s03_names_at_google(jobs: Jobs, field: str) -> None:
    assert_refused(jobs, field, REMOTE[field], NOT_REMOTE[field])


@pytest.mark.parametrize(
    "model", ["gemini-2.5-flash", "models/gemini-2.5-flash", "tunedModels/mine_2", "a" * 128]
)
def test_s03_models_are_accepted(jobs: Jobs, model: str) -> None:
    assert jobs.accepted(minimal(model=model))["model"] == model


@pytest.mark.parametrize("field", URIS)
def test_s03_addresses_of_objects(jobs: Jobs, field: str) -> None:
    assert_refused(jobs, field, URIS[field], NOT_URIS)


@pytest.mark.parametrize(
    "name", ["a [b]", "[", "]", "a\nb", "\x1b[2J", "a\x7f", "a\x85b", "x" * 129]
)
def test_s06_display_names_hold_no_brackets_and_no_control_characters(
    jobs: Jobs, name: str
) -> None:
    assert "spec.displayName:" in jobs.refusal(minimal(displayName=name))


@pytest.mark.parametrize("name", ["Nightly reviews", "Überblick (2)", "日本語", "x" * 128])
def test_s06_display_names_hold_text(jobs: Jobs, name: str) -> None:
    assert jobs.accepted(minimal(displayName=name))["displayName"] == name


def assert_refused(jobs: Jobs, field: str, spec: SpecOf, values: tuple[str, ...]) -> None:
    for value in values:
        assert f"spec.{field}:" in jobs.refusal(spec(value)), repr(value)
