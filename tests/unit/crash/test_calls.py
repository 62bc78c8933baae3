"""Names of calls: stable, because a step of the table is known by its name."""

import json
from typing import Any

import pytest

from gemini_operator.kube import patches
from tests.crash.calls import Call, to_google, to_kubernetes, to_s3

JOB = "/apis/gemini-operator.io/v1alpha1/namespaces/team/geminibatchjobs/job"
UID, ATTEMPT = "0b5c2a54-0000-4000-8000-000000000000", "0123456789abcdef"
METADATA = {"uid": UID, "resourceVersion": "7", "finalizers": ["ours"]}


def kube(method: str, path: str, body: Any = None) -> Call | None:
    return to_kubernetes(method, path, b"" if body is None else json.dumps(body).encode())


def google(method: str, path: str) -> str:
    call = to_google(method, f"/v1beta{path}", b"")
    assert call is not None
    return call.name


@pytest.mark.parametrize(
    ("patch", "name"),
    [
        (patches.add_finalizer(METADATA, "another"), "finalizer add"),
        (patches.remove_finalizer(METADATA, "ours"), "finalizer remove"),
    ],
)
def test_what_holds_the_object_has_a_name(patch: Any, name: str) -> None:
    assert kube("PATCH", JOB, patch) == Call(name, "job")


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ({"attempt": {"id": ATTEMPT}, "state": "Submitting"}, "status write-ahead"),
        ({"attempt": {"id": ATTEMPT, "batchName": "batches/1"}}, "status adopted"),
        ({"completionTime": "2026-01-01T00:00:00Z", "state": "Succeeded"}, "status end"),
        ({"attempt": None, "state": "Queued"}, "status queued"),
        ({"observedGeneration": 2}, "status other"),
    ],
)
def test_a_status_write_is_named_for_what_it_says(status: Any, name: str) -> None:
    patch = patches.status_patch({}, status, "7") or {}
    assert kube("PATCH", f"{JOB}/status", {**patch, "status": status}) == Call(name, "job")


def test_the_two_json_patches_of_the_status_are_told_apart() -> None:
    named = patches.name_batch(UID, ATTEMPT, {"batchName": "batches/1"})
    event = patches.record_event(UID, ATTEMPT, {"id": "msg_1"})
    assert kube("PATCH", f"{JOB}/status", named) == Call("status name", "job")
    assert kube("PATCH", f"{JOB}/status", event) == Call("status event", "job")


def test_objects_beside_the_job_are_named_with_their_subject() -> None:
    event = {"reason": "Submitted", "involvedObject": {"name": "job"}}
    events = "/api/v1/namespaces/team/events"
    assert kube("POST", events, event) == Call("event Submitted", "job")
    config_map = {"metadata": {"name": "results"}}
    path = "/api/v1/namespaces/team/configmaps"
    assert kube("POST", path, config_map) == Call("configmap create", "results")
    assert kube("PATCH", f"{events}/one", {}) == Call("event patch", "one")
    assert kube("DELETE", JOB, {}) == Call("job delete", "job")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", JOB),
        ("GET", "/api/v1/namespaces/team/secrets/key"),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/team/leases/gemini-operator"),
    ],
)
def test_reads_and_leases_are_no_steps(method: str, path: str) -> None:
    assert kube(method, path) is None


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/models/gemini-2.5-flash:batchGenerateContent", "batches.create"),
        ("POST", "/models/gemini-embedding-001:asyncBatchEmbedContent", "batches.createEmbeddings"),
        ("GET", "/batches", "batches.list"),
        ("GET", "/batches/b1", "batches.get"),
        ("POST", "/batches/b1:cancel", "batches.cancel"),
        ("DELETE", "/batches/b1", "batches.delete"),
        ("GET", "/files/f1", "files.get"),
        ("GET", "/files/f1:download", "files.download"),
        ("DELETE", "/files/f1", "files.delete"),
        ("GET", "/.well-known/jwks.json", "jwks"),
    ],
)
def test_requests_to_google_have_the_names_of_its_routes(method: str, path: str, name: str) -> None:
    assert google(method, path) == name


def test_uploads_have_two_steps() -> None:
    start, chunk = "/upload/v1beta/files", "/upload/v1beta/files/u1"
    assert to_google("POST", start, b"") == Call("files.upload")
    assert to_google("PUT", chunk, b"\x00") == Call("files.uploadChunk")


def test_a_create_tells_whose_it_is() -> None:
    body = {"batch": {"displayName": f"team/job [0b5c2a54-{ATTEMPT}]"}}
    path = "/v1beta/models/gemini-2.5-flash:batchGenerateContent"
    assert to_google("POST", path, json.dumps(body).encode()) == Call("batches.create", "job")


@pytest.mark.parametrize(
    ("method", "body", "name"),
    [
        ("GET", b"", "s3 read"),
        ("HEAD", b"", "s3 look"),
        ("POST", b"", "s3 start"),
        ("PUT", b"part", "s3 part"),
        ("POST", b"<CompleteMultipartUpload/>", "s3 complete"),
        ("DELETE", b"", "s3 abort"),
        ("PUT", b"", "PUT /bucket/key"),
    ],
)
def test_requests_to_an_s3_server(method: str, body: bytes, name: str) -> None:
    assert to_s3(method, "/bucket/key", body) == Call(name)
