"""Inputs from an S3 server and results to it, through the real processes."""

import gzip
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from shutil import which
from typing import Any

import pytest

from local.control_plane import ControlPlane
from local.errors import LocalError
from tests.integration import custom_resource_definition as crd
from tests.integration.controller.conftest import running_operator
from tests.markdown import fences, text_of
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


def without_uri_rules(version: dict[str, Any]) -> None:
    """As CRDs were before they had a rule for each mistake in a URI."""
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    for member in ("input", "output"):
        del spec[member]["properties"]["object"]["x-kubernetes-validations"]


@pytest.mark.parametrize(
    ("member", "reason"), [("input", "InvalidInput"), ("output", "DeliveryFailed")]
)
def test_a_stored_job_whose_uri_can_never_work_ends_before_it_is_paid(
    storing: Operator, s3: S3Server, name: str, member: str, reason: str
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    body = job(name, object_at(f"{name}.jsonl"), output=object_at("out"))
    body["spec"][member]["object"]["uri"] = f"s3://{BUCKET}/a//b"
    # The operator does not look at it before the rules are back.
    body["spec"]["suspend"] = True
    with crd.changed(storing.control_plane, without_uri_rules):

        def stored() -> bool:
            try:
                storing.apply(body)
            except LocalError:
                return False
            return True

        eventually(stored, timeout=30, what="the API server to go by the older CRD")
        storing.wait_condition(name, "Suspended")

    def refused() -> bool:
        try:
            storing.apply({**body, "metadata": {"name": f"{name}-new"}})
        except LocalError:
            return True
        storing.kubectl("delete", "gbj", f"{name}-new")
        return False

    eventually(refused, timeout=30, what="the API server to go by its rules again")
    storing.kubectl("patch", "gbj", name, "--type=merge", "-p", '{"spec": {"suspend": false}}')
    said = storing.wait_condition(name, "Failed", reason)["message"]
    assert f"s3://{BUCKET}/a//b has . or .. or nothing between two of its slashes" in said
    assert "Nothing was submitted" in said or "so nothing was submitted" in said
    assert "kubectl replace --force -f FILE" in said
    assert storing.batches_of(name) == []
    storing.kubectl("delete", "gbj", name)


def test_results_beyond_a_config_map_go_to_object_storage_in_an_adopting_job(
    storing: Operator, s3: S3Server, name: str
) -> None:
    note = {"note": "x" * 15_500}
    requests = [{"key": f"k{n}", "request": generate("Hi."), "metadata": note} for n in range(60)]
    text = "".join(json.dumps(request) + "\n" for request in requests)
    metadata = {"name": f"{name}-in"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    body["data"] = {"in.jsonl": text}
    storing.control_plane.api.request("POST", storing.path("configmaps"), body)
    source = {"configMapKeyRef": {"name": f"{name}-in", "key": "in.jsonl"}}
    storing.apply(job(name, source, output={"configMap": {"name": name}}))
    said = storing.wait_condition(name, "Failed", "OutputTooLarge")["message"]
    for member in ("output.object", "deletionPolicy", "spec.adopt", "batchName", "previousUID"):
        assert member in said
    old = storing.get(name)
    adopting = job(f"{name}-2", {}, output=object_at("out"), deletionPolicy="Delete")
    del adopting["spec"]["input"]
    adopting["spec"]["adopt"] = {
        "batchName": old["status"]["batchName"],
        "previousUID": old["metadata"]["uid"],
    }
    storing.apply(adopting)
    found = delivered(s3, storing.wait_complete(f"{name}-2"))
    assert len({json.loads(line)["key"] for line in found.splitlines()}) == len(requests)


@pytest.mark.skipif(not (which("curl") and which("jq")), reason="needs curl and jq")
@pytest.mark.parametrize("member", ["fileName", "batchName"])
def test_results_at_google_are_downloaded_with_the_commands_of_the_documentation(
    storing: Operator, s3: S3Server, name: str, member: str, tmp_path: Path
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    inline = {"inline": [{"key": f"k{n}", "request": generate("Hi.")} for n in range(3)]}
    storing.apply(job(name, object_at(f"{name}.jsonl") if member == "fileName" else inline))
    assert member in storing.wait_complete(name)["output"]
    first, of_file, of_batch = commands("Results at Google")
    said(storing, name, tmp_path, first, of_file if member == "fileName" else of_batch)
    text = (tmp_path / "results.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    assert len(found) == len({result["key"] for result in found}) == 3
    assert all("response" in result for result in found)


@pytest.mark.skipif(not (which("curl") and which("jq")), reason="needs curl and jq")
def test_a_batch_that_was_left_behind_is_found_and_cancelled_with_the_commands_of_the_documentation(
    storing: Operator, name: str, tmp_path: Path
) -> None:
    batch = storing.submitted(name)
    attempt = storing.status(name)["attempt"]["id"]
    first, _, _ = commands("Results at Google")
    cancel, find = commands("Cancelling a batch at Google")
    shown = said(storing, name, tmp_path, first, find)
    [line] = [line for line in shown.splitlines() if attempt in line]
    assert line.split("\t")[0] == batch
    said(storing, name, tmp_path, first, cancel.replace("batches/abc123", batch))
    assert storing.batches_of(name) == []


def commands(heading: str) -> list[str]:
    """The shell commands in a section of the documentation."""
    section = text_of(Path("docs/operations.md")).partition(f"## {heading}\n")[2]
    return fences(section.partition("\n## ")[0], "sh")


def said(operator: Operator, name: str, directory: Path, *blocks: str) -> str:
    """What commands of the documentation print, with the emulator as Google."""
    text = "\n".join(blocks).replace("my-job", name)
    text = text.replace("https://generativelanguage.googleapis.com", operator.emulator.url)
    kubectl = operator.control_plane.kubectl
    script = f"""set -euo pipefail
        kubectl() {{ command {kubectl.program} -n {operator.namespace} "$@"; }}
        {text}"""
    environment = {**os.environ, "KUBECONFIG": str(kubectl.kubeconfig)}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env=environment,
        check=True,
        timeout=60,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


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
    assert f"The bucket of s3://{name}/out" in condition["message"]
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
