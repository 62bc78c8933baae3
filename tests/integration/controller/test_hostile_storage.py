"""Tenants, object stores and answers of Google that try to harm an operator which copies objects."""

import base64
import gzip
import hashlib
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest

from local.control_plane import ControlPlane
from tests.emulator_process import API_KEY
from tests.integration.controller.conftest import queued, running_operator, upload
from tests.integration.controller.test_object_storage import delivered, lines, put
from tests.object_servers import ACCESS_KEY, SECRET_KEY, S3Server
from tests.operator_process import Operator, generate, job
from tests.stored_jobs import object_at, put_secret, storage_flags
from tests.waiting import eventually

STRANGE = "strange-bucket"
TOKEN = "session-token-of-the-leak-test"
Answer = Callable[[BaseHTTPRequestHandler], None]


class StrangeServer(ThreadingHTTPServer):
    """An object store that answers what a test says, each object by its own function."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, StrangeServer)
        name = urllib.parse.urlsplit(self.path).path.rpartition("/")[2]
        self.server.asked[name] += 1
        self.close_connection = True
        try:
            self.server.answers[name](self)
        except (KeyError, ConnectionError):
            return

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what matters."""


def head(to: BaseHTTPRequestHandler, size: int, status: int = 200, etag: str = '"one"') -> None:
    to.send_response(status)
    for name, value in {
        "content-length": str(size),
        "etag": etag,
        "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    }.items():
        to.send_header(name, value)
    to.end_headers()


@pytest.fixture(scope="module")
def strange() -> Iterator[StrangeServer]:
    with StrangeServer() as server:
        yield server


@pytest.fixture(scope="module")
def storing(
    s3: S3Server,
    strange: StrangeServer,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Operator]:
    directory = tmp_path_factory.mktemp("hostile")
    flags = storage_flags(s3, **{STRANGE: strange.url})
    with running_operator(control_plane, directory, *flags) as processes:
        put_secret(processes)
        yield processes


def strange_input(path: str) -> dict[str, Any]:
    return object_at(path, bucket=STRANGE)


def version(operator: Operator, name: str) -> str:
    return str(operator.get(name)["metadata"]["resourceVersion"])


def test_s10_jobs_that_cannot_start_their_transfer_keep_nobody_waiting(
    storing: Operator, s3: S3Server, name: str
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    storing.put_key(API_KEY, name=f"{name}-key")
    storing.emulator.fault("files.uploadChunk", "hold", count=2)
    storing.apply(*(job(f"{name}-{n}", object_at(f"{name}.jsonl")) for n in "ab"))
    storing.emulator.wait(lambda state: len(state["held"]) == 2)
    ref = {"name": f"{name}-key", "key": "api-key"}
    waiting = [f"{name}-{n}" for n in "cd"]
    storing.apply(*(job(each, object_at(f"{name}.jsonl"), apiKeySecretRef=ref) for each in waiting))
    for each in waiting:
        eventually(partial(queued, storing, each, "WaitingToUpload"), timeout=20)
    storing.kubectl("delete", "secret", f"{name}-key")
    time.sleep(1)
    storing.emulator.release()
    for each in "ab":
        storing.wait_complete(f"{name}-{each}")
    for each in waiting:
        storing.wait_problem(each, "CredentialsMissing")
    storing.apply(job(f"{name}-e", object_at(f"{name}.jsonl")))
    storing.wait_complete(f"{name}-e")
    # They go on once their key is back.
    storing.put_key(API_KEY, name=f"{name}-key")
    for each in waiting:
        storing.wait_complete(each, timeout=60)


def test_s07_a_forged_input_file_is_neither_submitted_nor_deleted(
    storing: Operator, s3: S3Server, name: str
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    theirs = upload(storing.emulator, lines(7))
    storing.apply(job(name, object_at(f"{name}.jsonl"), suspend=True))
    storing.wait_condition(name, "Suspended")
    forged = {"fileName": theirs, "bytes": 5, "records": 7, "sha256": "0" * 64}
    storing.patch_status(name, [{"op": "add", "path": "/status/inputFile", "value": forged}])
    storing.set(name, suspend=False)
    status = storing.wait_complete(name)
    assert status["requests"]["total"] == 3
    uid = storing.get(name)["metadata"]["uid"]
    assert status["inputFile"]["fileName"].startswith(f"files/{uid.replace('-', '')}-")
    storing.kubectl("delete", "gbj", name)
    assert theirs in [file["name"] for file in storing.emulator.state()["files"]]


def test_long_paths_are_unpacked_and_shown_whole(
    storing: Operator, s3: S3Server, name: str
) -> None:
    folders = "/".join([name, *("a" * 100 for _ in range(4))])
    text = lines(3)
    put(s3, f"{folders}/input.jsonl.gz", gzip.compress(text))
    storing.apply(
        job(name, object_at(f"{folders}/input.jsonl.gz"), output=object_at(f"{folders}/out"))
    )
    status = storing.wait_complete(name)
    assert status["inputFile"]["sha256"] == hashlib.sha256(text).hexdigest()
    found = delivered(s3, status)
    assert status["output"]["sha256"] == hashlib.sha256(found).hexdigest()


def test_s10_a_source_that_always_breaks_off_elsewhere_is_not_read_in_a_loop(
    storing: Operator, strange: StrangeServer, name: str
) -> None:
    sizes = iter(range(1000, 10**9, 7))

    def broken(to: BaseHTTPRequestHandler) -> None:
        head(to, 5000, etag=f'W/"{next(sizes)}"')
        to.wfile.write(lines(200)[: next(sizes)])

    strange.answers[name] = broken
    storing.apply(job(name, strange_input(name)))
    storing.wait_problem(name, "InputMissing")
    before = strange.asked[name]
    for n in range(20):
        storing.annotate(name, spam=str(n))
        time.sleep(0.1)
    time.sleep(4)
    asked = strange.asked[name] - before
    assert asked < 10, f"{asked} requests"


def test_a_job_whose_input_is_missing_says_so_once(storing: Operator, name: str) -> None:
    storing.apply(job(name, object_at(f"{name}.jsonl")))
    storing.wait_problem(name, "InputMissing")
    status, before = storing.status(name), version(storing, name)
    assert status["state"] == "Queued"
    assert "bytes" not in status["inputFile"]
    assert storing.condition(name, "Submitted")["reason"] == "InputMissing"
    # It is looked for several times.
    time.sleep(4)
    assert version(storing, name) == before


def test_the_upload_of_a_job_that_vanished_leaves_no_file(
    storing: Operator, s3: S3Server, name: str
) -> None:
    """Somebody removed its finalizer, so no deletion is seen but the end."""
    put(s3, f"{name}.jsonl", lines(3))
    storing.emulator.fault("files.uploadChunk", "hold", count=1)
    storing.apply(job(name, object_at(f"{name}.jsonl")))
    storing.emulator.wait_for_held("files.uploadChunk")
    chunks = storing.emulator.requests("files.uploadChunk")
    gone = '[{"op": "remove", "path": "/metadata/finalizers"}]'
    storing.kubectl("patch", "gbj", name, "--type=json", "-p", gone)
    storing.kubectl("delete", "gbj", name, "--wait=false")
    eventually(lambda: not storing.exists(name), timeout=20)
    # The upload is cancelled at Google, too.
    eventually(lambda: storing.emulator.requests("files.uploadChunk") > chunks, timeout=20)
    storing.emulator.release()

    def no_file() -> bool:
        files = storing.emulator.state()["files"]
        return not any(name in each.get("displayName", "") for each in files)

    # An upload that began again before the deletion was seen is deleted with the job.
    eventually(lambda: not storing.emulator.state()["held"] and no_file(), timeout=20)


def test_s23_no_credential_of_a_storage_is_shown(
    storing: Operator, strange: StrangeServer, name: str
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-s"}}
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY, "session_token": TOKEN}
    storing.apply({**secret, "stringData": keys})

    def echo(to: BaseHTTPRequestHandler) -> None:
        body = f"<Error><Code>X</Code><Message>{to.headers}</Message></Error>".encode()
        head(to, len(body), 400)
        to.wfile.write(body)

    def redirect(to: BaseHTTPRequestHandler) -> None:
        to.send_response(307)
        to.send_header("location", f"http://elsewhere.invalid/{TOKEN}")
        to.send_header("content-length", "0")
        to.end_headers()

    strange.answers.update({f"{name}-echo": echo, f"{name}-redirect": redirect})
    for kind in ("echo", "redirect"):
        source = strange_input(f"{name}-{kind}")
        source["object"]["credentialsSecretRef"]["name"] = f"{name}-s"
        storing.apply(job(f"{name}-{kind}", source))
    query = f"X-Signature={TOKEN}"
    storing.apply(job(f"{name}-query", {"object": {"uri": f"https://10.0.0.1/a?{query}"}}))
    storing.wait_problem(f"{name}-redirect", "InputMissing")
    for kind in ("echo", "query"):
        storing.wait_problem(f"{name}-{kind}", "InputRefused")
    objects = json.loads(storing.kubectl("get", "gbj", "-o", "json"))["items"]
    statuses = json.dumps([each.get("status") for each in objects])
    events = storing.kubectl("get", "events", "-o", "yaml")
    seen = f"{statuses}{events}{storing.controller.text()}{storing.controller.metrics()}"
    for secret_text in (SECRET_KEY, TOKEN, API_KEY, "upload_id="):
        encoded = base64.b64encode(secret_text.encode()).decode().rstrip("=")
        for form in (secret_text, encoded, urllib.parse.quote(secret_text, safe="")):
            assert form not in seen, form


def test_s22_results_that_are_none_do_not_stop_other_jobs(
    storing: Operator, s3: S3Server, name: str
) -> None:
    put(s3, f"{name}.jsonl", lines(3))
    storing.emulator.fault(
        "files.download", "status", status=200, count=1, body="\ufffd\x00<html>" * 1000
    )
    storing.apply(job(name, object_at(f"{name}.jsonl"), output=object_at("out")))
    eventually(
        lambda: storing.condition(name, "Complete").get("reason") == "WaitingForResults",
        timeout=30,
    )
    storing.apply(job(f"{name}-b", {"inline": [{"key": "a", "request": generate("Hi.")}]}))
    storing.wait_complete(f"{name}-b")
    status = storing.wait_complete(name, timeout=40)
    assert status["output"]["records"] == 3
