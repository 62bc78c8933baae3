"""Inputs from an S3 server and results to it, through the real processes."""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.integration.controller.conftest import running_operator
from tests.object_servers import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.operator_process import Operator, generate, job
from tests.stored_jobs import object_at, put_secret, storage_flags
from tests.waiting import eventually


@pytest.fixture(scope="module")
def storing(
    s3: S3Server, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    directory = tmp_path_factory.mktemp("storing")
    with running_operator(control_plane, directory, *storage_flags(s3)) as processes:
        put_secret(processes)
        yield processes


def put(s3: S3Server, path: str, content: bytes) -> None:
    target = s3.data / BUCKET / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"key": f"k{n}", "request": generate(f"Line {n}.")}).encode() + b"\n"
        for n in range(count)
    )


def delivered(s3: S3Server, status: Mapping[str, Any]) -> bytes:
    path = str(status["output"]["uri"]).removeprefix("s3://")
    return (s3.data / path).read_bytes()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_object_goes_in_and_its_results_come_out(
    packed: bool, storing: Operator, s3: S3Server, name: str
) -> None:
    text = lines(3000)
    path = f"in/{name}.jsonl{'.gz' if packed else ''}"
    put(s3, path, gzip.compress(text) if packed else text)
    storing.apply(job(name, object_at(path), output=object_at("out")))
    status = storing.wait_complete(name)
    file = status["inputFile"]
    assert (file["bytes"], file["records"]) == (len(text), 3000)
    assert file["sha256"] == hashlib.sha256(text).hexdigest()
    uid = storing.get(name)["metadata"]["uid"]
    assert file["fileName"] == f"files/{uid.replace('-', '')}-1"
    assert status["requests"] == {"total": 3000, "succeeded": 3000, "failed": 0, "pending": 0}
    output = status["output"]
    assert output["uri"] == f"s3://{BUCKET}/out/{storing.namespace}/{name}/{uid}.jsonl"
    found = delivered(s3, status)
    assert output["sha256"] == hashlib.sha256(found).hexdigest()
    assert (output["bytes"], output["records"]) == (len(found), 3000)
    assert [json.loads(line)["key"] for line in found.splitlines()] == [
        f"k{n}" for n in range(3000)
    ]
    [batch] = storing.batches_of(name)
    assert batch["state"] == "BATCH_STATE_SUCCEEDED"
    # The uploaded input goes with its job, the results do not.
    storing.kubectl("delete", "gbj", name)
    assert file["fileName"] not in [f["name"] for f in storing.emulator.state()["files"]]
    assert delivered(s3, status) == found


def test_an_input_with_mistakes_is_never_submitted(
    storing: Operator, s3: S3Server, name: str
) -> None:
    put(s3, f"{name}.jsonl", lines(500) + b"{}\nnonsense\n" + lines(1))
    storing.apply(job(name, object_at(f"{name}.jsonl")))
    condition = storing.wait_condition(name, "Failed", "InvalidInput")
    message = condition["message"]
    assert f"s3://{BUCKET}/{name}.jsonl: " in message
    assert "line 501 " in message
    assert "line 502 " in message
    assert "lines 1 and 503 have the same key" in message
    assert "nonsense" not in message
    assert storing.batches_of(name) == []
    assert not any(name in f.get("displayName", "") for f in storing.emulator.state()["files"])


def test_an_object_that_comes_later_is_read_then(
    storing: Operator, s3: S3Server, name: str
) -> None:
    storing.apply(job(name, object_at(f"{name}.jsonl")))
    condition = storing.wait_problem(name, "InputMissing")
    assert f"s3://{BUCKET}/{name}.jsonl" in condition["message"]
    assert condition["status"] == "False"
    put(s3, f"{name}.jsonl", lines(3))
    status = storing.wait_complete(name)
    assert status["requests"]["succeeded"] == 3
    # Without an output the results stay at Google.
    assert status["output"]["fileName"].startswith("files/batch-")


def test_a_secret_is_put_right_while_the_job_waits(
    storing: Operator, s3: S3Server, name: str
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    source = {
        "object": {
            "uri": f"s3://{BUCKET}/{name}.jsonl",
            "credentialsSecretRef": {"name": f"{name}-storage"},
        }
    }
    storing.apply(job(name, source))
    assert f"no Secret {name}-storage" in storing.wait_problem(name, "InputMissing")["message"]
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-storage"}}
    storing.apply({**secret, "stringData": {**keys, "endpoint": "http://127.0.0.1:1"}})

    def told() -> bool:
        said = storing.condition(name, "Stalled")
        return said.get("reason") == "InputRefused" and "endpoint" in said["message"]

    eventually(told, timeout=40, what="the key that is not allowed")
    storing.kubectl(
        "patch",
        "secret",
        f"{name}-storage",
        "--type=json",
        "-p",
        '[{"op": "remove", "path": "/data/endpoint"}]',
    )
    storing.wait_complete(name, timeout=60)


def test_results_of_inline_requests_come_in_their_order(
    storing: Operator, s3: S3Server, name: str
) -> None:
    requests = [{"key": f"r{n}", "request": generate(f"Say {n}.")} for n in (3, 1, 2)]
    storing.apply(job(name, {"inline": requests}, output=object_at("out")))
    status = storing.wait_complete(name)
    found = delivered(s3, status)
    assert [json.loads(line)["key"] for line in found.splitlines()] == ["r3", "r1", "r2"]
    assert status["output"]["sha256"] == hashlib.sha256(found).hexdigest()
    assert "inputFile" not in status


@pytest.mark.parametrize("stored", [False, True], ids=["inline", "object"])
def test_an_output_without_a_bucket_stalls_the_job_before_it_is_paid(
    storing: Operator, s3: S3Server, name: str, stored: bool
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    inline = {"inline": [{"key": "a", "request": generate("Hi.")}]}
    output = object_at("out")
    output["object"]["uri"] = f"s3://{name}/out"
    storing.apply(job(name, object_at(f"{name}.jsonl") if stored else inline, output=output))
    condition = storing.wait_problem(name, "OutputRefused")
    assert f"the bucket of s3://{name}/out" in condition["message"]
    assert "does not exist: create it" in condition["message"]
    assert storing.batches_of(name) == []
    (s3.data / name).mkdir()
    storing.wait_complete(name, timeout=90)
    assert len(storing.batches_of(name)) == 1


def test_an_output_with_wrong_credentials_stalls_the_job_before_it_is_paid(
    storing: Operator, name: str
) -> None:
    put_secret(storing, name, secret_access_key="wrong-" * 4)
    inline = {"inline": [{"key": "a", "request": generate("Hi.")}]}
    storing.apply(job(name, inline, output=object_at("out", name)))
    condition = storing.wait_problem(name, "OutputRefused")
    assert "does not know the credentials: correct the Secret" in condition["message"]
    assert storing.batches_of(name) == []
    put_secret(storing, name)
    storing.wait_complete(name, timeout=90)


def test_a_bucket_that_is_gone_when_the_batch_ends_keeps_the_results_waiting(
    storing: Operator, s3: S3Server, name: str
) -> None:
    inline = {"inline": [{"key": "a", "request": generate("Hi.")}]}
    output = object_at("out")
    output["object"]["uri"] = f"s3://{name}/out"
    (s3.data / name).mkdir()
    storing.emulator.fault("batches.get", "hold", count=1)
    storing.apply(job(name, inline, output=output))
    storing.emulator.wait_for_held("batches.get")
    (s3.data / name).rmdir()
    storing.emulator.release()
    condition = storing.wait_problem(name, "OutputRefused")
    assert "create its bucket; results stay at Google until then" in condition["message"]
    assert storing.status(name)["state"] == "Delivering"
    (s3.data / name).mkdir()
    storing.annotate(name, requested_at="now")
    storing.wait_complete(name, timeout=90)
    assert len(storing.batches_of(name)) == 1


def test_a_deleted_job_stops_its_upload(storing: Operator, s3: S3Server, name: str) -> None:
    put(s3, f"{name}.jsonl", lines(300))
    storing.emulator.control(
        "POST", "faults", {"route": "files.uploadChunk", "count": 1, "action": "hold"}
    )
    storing.apply(job(name, object_at(f"{name}.jsonl")))
    eventually(lambda: storing.emulator.state()["held"], timeout=30, what="the chunk that is held")
    storing.kubectl("delete", "gbj", name, "--timeout=30s")
    storing.emulator.release()
    assert storing.batches_of(name) == []
    eventually(
        lambda: (
            not any(name in f.get("displayName", "") for f in storing.emulator.state()["files"])
        ),
        timeout=10,
        what="no file of the job",
    )
