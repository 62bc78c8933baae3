"""What the API server itself refuses, with the field named."""

from typing import Any

import pytest

from tests.integration.api.jobs import Jobs, minimal

REQUEST = {"contents": [{"parts": [{"text": "Classify: the parcel never came."}]}]}
ADOPTED = {"input": None, "adopt": {"batchName": "batches/abc"}, "deletionPolicy": "Delete"}


def inline(*keys: str) -> dict[str, Any]:
    return {"inline": [{"key": key, "request": REQUEST} for key in keys]}


REFUSED = {
    "no input": (minimal(input=None), "spec.input: Required value: input is required"),
    "an empty input": (minimal(input={}), "spec.input: Invalid value: set exactly one of inline"),
    "two inputs": (
        minimal(input={"fileName": "files/a", **inline("a")}),
        "spec.input: Invalid value: set exactly one of inline",
    ),
    "all inputs": (
        minimal(
            input={
                "fileName": "files/a",
                "configMapKeyRef": {"name": "a", "key": "b"},
                "object": {"uri": "s3://bucket/a"},
                **inline("a"),
            }
        ),
        "spec.input: Invalid value: set exactly one of inline",
    ),
    "no inline requests": (minimal(input={"inline": []}), "spec.input.inline: Invalid value"),
    "too many inline requests": (
        minimal(input=inline(*(f"k{number}" for number in range(1001)))),
        "spec.input.inline: Too many: 1001: must have at most 1000 items",
    ),
    "duplicate keys": (minimal(input=inline("a", "b", "a")), "spec.input.inline[2]: Duplicate"),
    "an empty key": (minimal(input=inline("")), "spec.input.inline[0].key: Invalid value"),
    "no key": (
        minimal(input={"inline": [{"request": REQUEST}]}),
        "spec.input.inline[0].key: Required value",
    ),
    "no request": (
        minimal(input={"inline": [{"key": "a"}]}),
        "spec.input.inline[0].request: Required value",
    ),
    "a request that is text": (
        minimal(input={"inline": [{"key": "a", "request": "Hello"}]}),
        "spec.input.inline[0].request: Invalid value",
    ),
    "an empty output": (
        minimal(output={}),
        "spec.output: Invalid value: set exactly one of configMap, object",
    ),
    "both outputs": (
        minimal(output={"configMap": {"name": "a"}, "object": {"uri": "s3://bucket"}}),
        "spec.output: Invalid value: set exactly one of configMap, object",
    ),
    "an https output": (
        minimal(output={"object": {"uri": "https://example.com/results"}}),
        "spec.output.object.uri: Invalid value: results cannot be written to an https URL",
    ),
    "a bucket as input": (
        minimal(input={"object": {"uri": "s3://bucket"}}),
        "spec.input.object.uri: Invalid value: uri names no object",
    ),
    "a negative backoffLimit": (minimal(backoffLimit=-1), "spec.backoffLimit: Invalid value: -1"),
    "a negative deadline": (
        minimal(activeDeadlineSeconds=-1),
        "spec.activeDeadlineSeconds: Invalid value: -1",
    ),
    "a deadline of nothing": (
        minimal(activeDeadlineSeconds=0),
        "spec.activeDeadlineSeconds: Invalid value: 0",
    ),
    "a negative TTL": (
        minimal(ttlSecondsAfterFinished=-1, deletionPolicy="Orphan"),
        "spec.ttlSecondsAfterFinished: Invalid value: -1",
    ),
    "a TTL that loses the results": (
        minimal(ttlSecondsAfterFinished=60),
        "spec.ttlSecondsAfterFinished: Invalid value: ttlSecondsAfterFinished would delete the only",
    ),
    "a TTL that deletes at Google too": (
        minimal(ttlSecondsAfterFinished=60, deletionPolicy="Delete"),
        "spec.ttlSecondsAfterFinished: Invalid value: ttlSecondsAfterFinished would delete the only",
    ),
    "a priority that is no int64": (minimal(priority=2**63), "spec.priority: Invalid value"),
    "a fraction": (minimal(backoffLimit=1.5), "spec.backoffLimit: Invalid value"),
    "seconds as text": (
        minimal(activeDeadlineSeconds="1h"),
        "spec.activeDeadlineSeconds: Invalid value",
    ),
    "no model": (minimal(model=None), "spec.model: Required value"),
    "no spec": (None, "spec: Required value"),
    "an unknown type": (minimal(type="GenerateVideo"), "spec.type: Unsupported value"),
    "an unknown shutdown": (minimal(shutdown="Now"), "spec.shutdown: Unsupported value"),
    "an unknown policy": (minimal(deletionPolicy="Keep"), "spec.deletionPolicy: Unsupported value"),
    "a reserved metadata key": (
        minimal(userMetadata={"gemini-operator.io/uid": "mine"}),
        "spec.userMetadata: Invalid value: userMetadata cannot have keys that start with",
    ),
    "an empty metadata key": (
        minimal(userMetadata={"": "x"}),
        "spec.userMetadata: Invalid value: userMetadata must have keys of 1 to 128 characters",
    ),
    "a long metadata key": (
        minimal(userMetadata={"k" * 129: "x"}),
        "spec.userMetadata: Invalid value: userMetadata must have keys of 1 to 128 characters",
    ),
    "metadata that is no text": (
        minimal(userMetadata={"a": {"b": "c"}}),
        "spec.userMetadata.a: Invalid value",
    ),
    "too much metadata": (
        minimal(userMetadata={f"k{number}": "x" for number in range(33)}),
        "spec.userMetadata: Too many",
    ),
    "an adopted job with input": (
        minimal(**{**ADOPTED, "input": {"fileName": "files/a"}}),
        "spec.input: Forbidden: input must be absent with adopt",
    ),
    "an adopted job that is suspended": (
        minimal(**ADOPTED, suspend=True),
        "spec.suspend: Forbidden: suspend must be false with adopt",
    ),
    "an adopted job with retries": (
        minimal(**ADOPTED, backoffLimit=1),
        "spec.backoffLimit: Forbidden: backoffLimit must be 0 with adopt",
    ),
    "an adopted job without a policy": (
        minimal(**{**ADOPTED, "deletionPolicy": None}),
        "spec.deletionPolicy: Required value: deletionPolicy is required with adopt",
    ),
    "an adoption of nothing": (
        minimal(**{**ADOPTED, "adopt": {}}),
        "spec.adopt.batchName: Required value",
    ),
}

ACCEPTED = {
    "1000 inline requests": minimal(input=inline(*(f"k{number}" for number in range(1000)))),
    "a ConfigMap": minimal(input={"configMapKeyRef": {"name": "texts", "key": "in.jsonl"}}),
    "an object": minimal(
        input={
            "object": {"uri": "gs://bucket/in.jsonl", "credentialsSecretRef": {"name": "storage"}}
        }
    ),
    "a web page": minimal(input={"object": {"uri": "https://example.com/in.jsonl?version=2"}}),
    "a bucket as output": minimal(output={"object": {"uri": "az://container"}}),
    "a negative priority": minimal(priority=-(2**63)),
    "a TTL with an output": minimal(
        ttlSecondsAfterFinished=0, output={"configMap": {"name": "results"}}
    ),
    "a TTL with Orphan": minimal(ttlSecondsAfterFinished=60, deletionPolicy="Orphan"),
    "an adopted batch": minimal(**ADOPTED),
    "an adopted batch with all it may have": minimal(
        **{
            **ADOPTED,
            "adopt": {
                "batchName": "batches/a",
                "previousUID": f"{'0' * 8}{'-0000' * 3}-{'0' * 12}",
            },
        },
        output={"configMap": {"name": "results"}},
        activeDeadlineSeconds=3600,
        ttlSecondsAfterFinished=60,
    ),
    "user metadata": minimal(userMetadata={"team": "support", "example.com/cost": ""}),
}


@pytest.mark.parametrize(("spec", "complaint"), REFUSED.values(), ids=REFUSED)
def test_the_api_server_refuses(jobs: Jobs, spec: Any, complaint: str) -> None:
    assert complaint in jobs.refusal(spec)


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED)
def test_the_api_server_accepts(jobs: Jobs, spec: Any) -> None:
    accepted = jobs.accepted(spec)

    assert {name: accepted[name] for name in spec} == spec


def test_a_refusal_names_every_field_that_is_wrong(jobs: Jobs) -> None:
    refusal = jobs.refusal(minimal(model="a b", input={}, backoffLimit=-1))

    assert all(field in refusal for field in ("spec.model", "spec.input", "spec.backoffLimit"))
