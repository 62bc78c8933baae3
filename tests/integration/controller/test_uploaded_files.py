"""Uploaded inputs that expire or get lost while their job waits, and jobs that no longer need them."""

import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.emulator_process import API_KEY
from tests.integration.controller.conftest import NEVER, queued, running_operator
from tests.object_servers import S3Server
from tests.operator_process import Operator, inline_job, job
from tests.stored_jobs import (
    check_input,
    files_of,
    object_at,
    put_object,
    put_secret,
    requests,
    storage_flags,
)
from tests.waiting import eventually

INPUT = requests(3, sent=100, answered=1)
LIMITED = ("--max-open-batches-per-key", "1")


class Waiting:
    """An operator with one open batch for each API key, and an S3 server; batches end by our word."""

    def __init__(self, operator: Operator, s3: S3Server) -> None:
        self.operator = operator
        self.google = operator.emulator
        self.s3 = s3

    def apply(self, name: str, **spec: Any) -> None:
        """A job with an API key of its own that reads an object."""
        self.operator.put_key(f"{API_KEY}{name}", f"{name}-key")
        put_object(self.s3, f"{name}.jsonl", INPUT)
        key = {"name": f"{name}-key", "key": "api-key"}
        self.operator.apply(job(name, object_at(f"{name}.jsonl"), apiKeySecretRef=key, **spec))

    def apply_behind(self, name: str) -> str:
        """A job that waits, with its input at Google, for another one; answers with that one's batch."""
        self.operator.put_key(f"{API_KEY}{name}", f"{name}-key")
        key = {"name": f"{name}-key", "key": "api-key"}
        self.operator.apply(inline_job(f"{name}-first", apiKeySecretRef=key))
        self.operator.wait_condition(f"{name}-first", "Submitted")
        self.apply(name)
        eventually(lambda: queued(self.operator, name), timeout=30, what="a job in line")
        check_input(self.operator, name, INPUT)
        return str(self.operator.status(f"{name}-first")["batchName"])

    def file(self, name: str) -> str:
        return str(self.operator.status(name)["inputFile"]["fileName"])

    def delete_file(self, file: str) -> None:
        """What a person does with Google's API."""
        url, headers = f"{self.google.url}/v1beta/{file}", {"x-goog-api-key": API_KEY}
        request = urllib.request.Request(url, method="DELETE", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def complete(self, name: str) -> None:
        """The job gets its only batch, which succeeds."""
        self.operator.wait_condition(name, "Submitted", timeout=60)
        self.google.job(self.operator.status(name)["batchName"], "succeed")
        self.operator.wait_complete(name)
        [batch] = self.operator.batches_of(name)
        assert batch["state"] == "BATCH_STATE_SUCCEEDED"
        status = self.operator.status(name)
        assert status["requests"]["succeeded"] == 3
        assert self.operator.condition(name, "Stalled").get("status") != "True", f"{status}"


@pytest.fixture(scope="module")
def waiting(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Waiting]:
    directory = tmp_path_factory.mktemp("files")
    with (
        S3Server(directory / "s3") as s3,
        running_operator(
            control_plane, directory, *storage_flags(s3), *LIMITED, schedule=NEVER
        ) as operator,
    ):
        put_secret(operator)
        yield Waiting(operator, s3)


@pytest.fixture(autouse=True)
def faultless(waiting: Waiting) -> Iterator[None]:
    yield
    waiting.google.clear_faults()


def test_a_file_that_is_gone_when_its_turn_comes_is_uploaded_again(
    waiting: Waiting, name: str
) -> None:
    first = waiting.apply_behind(name)
    old = waiting.file(name)
    waiting.delete_file(old)
    waiting.google.job(first, "succeed")
    waiting.complete(name)
    assert waiting.file(name) == old.removesuffix("-1") + "-2"
    check_input(waiting.operator, name, INPUT)


def test_a_file_that_expires_in_line_is_uploaded_again(waiting: Waiting, name: str) -> None:
    first = waiting.apply_behind(name)
    old, creates = waiting.file(name), waiting.google.requests("batches.create")
    soon = (datetime.now(UTC) + timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")
    patch = {"op": "replace", "path": "/status/inputFile/expirationTime", "value": soon}
    waiting.operator.patch_status(name, [patch])
    waiting.google.job(first, "succeed")
    waiting.complete(name)
    assert waiting.file(name) == old.removesuffix("-1") + "-2"
    assert waiting.google.requests("batches.create") == creates + 1
    # The old one may still be there, and goes with the job.
    waiting.operator.kubectl("delete", "gbj", name, "--timeout=30s")
    assert files_of(waiting.operator, name) == []


ABOUT_A_FILE = {
    403: "You do not have permission to access the File {} or it may not exist.",
    404: "File {} not found.",
}


@pytest.mark.parametrize("status", ABOUT_A_FILE)
def test_a_file_that_a_create_does_not_find_is_looked_for_before_it_is_uploaded_again(
    waiting: Waiting, name: str, status: int
) -> None:
    uploads = waiting.google.requests("files.upload")
    kind = {403: "PERMISSION_DENIED", 404: "NOT_FOUND"}[status]
    message = ABOUT_A_FILE[status].format("abc")
    body = {"error": {"code": status, "message": message, "status": kind}}
    waiting.google.fault("batches.create", "status", status=status, body=body)
    waiting.apply(name)
    waiting.complete(name)
    assert waiting.file(name).endswith("-1")
    assert waiting.google.requests("files.upload") == uploads + 1
    check_input(waiting.operator, name, INPUT)


@pytest.mark.exhaustive
def test_a_job_says_what_it_waits_for_while_creates_do_not_find_its_file(
    waiting: Waiting, name: str
) -> None:
    body = {"error": {"code": 404, "message": "File abc not found.", "status": "NOT_FOUND"}}
    waiting.google.fault("batches.create", "status", status=404, body=body, count=None)
    creates = waiting.google.requests("batches.create")
    waiting.apply(name)
    waiting.operator.wait_problem(name, "InputMissing")

    def again() -> bool:
        reasons.append(waiting.operator.condition(name, "Stalled").get("reason"))
        return waiting.google.requests("batches.create") >= creates + 3

    reasons: list[Any] = []
    eventually(again, timeout=60, interval=0.1, what="further creates")
    # Only while a create is under way it says something else.
    assert reasons.count("InputMissing") > len(reasons) * 0.8, f"reasons {reasons}"
    assert waiting.file(name).endswith("-1")
    waiting.google.clear_faults()
    waiting.complete(name)


def begun(waiting: Waiting, name: str, **spec: Any) -> None:
    """The upload of a new job has begun, and stands still."""
    waiting.google.fault("files.uploadChunk", "hold")
    waiting.apply(name, **spec)
    waiting.google.wait_for_held("files.uploadChunk")


def nothing_left(waiting: Waiting, name: str) -> None:
    """No file, no batch, and none comes once the held request goes on."""
    waiting.google.release()
    waiting.google.wait(lambda state: not state["held"])
    assert files_of(waiting.operator, name) == []
    assert waiting.operator.batches_of(name) == []


def test_a_job_that_is_suspended_stops_its_upload(waiting: Waiting, name: str) -> None:
    begun(waiting, name)
    waiting.operator.set(name, suspend=True)
    waiting.operator.wait_condition(name, "Suspended")
    nothing_left(waiting, name)
    waiting.operator.set(name, suspend=False)
    waiting.complete(name)
    check_input(waiting.operator, name, INPUT)


def test_a_job_that_is_shut_down_stops_its_upload(waiting: Waiting, name: str) -> None:
    begun(waiting, name)
    waiting.operator.set(name, shutdown="Cancel")
    waiting.operator.wait_condition(name, "Failed", "Cancelled")
    nothing_left(waiting, name)
    assert waiting.operator.status(name)["state"] == "Cancelled"


def test_an_orphan_that_is_deleted_stops_its_upload(waiting: Waiting, name: str) -> None:
    begun(waiting, name, deletionPolicy="Orphan")
    waiting.operator.kubectl("delete", "gbj", name, "--timeout=30s")
    nothing_left(waiting, name)


def test_an_orphan_leaves_its_file(waiting: Waiting, name: str) -> None:
    waiting.apply(name, deletionPolicy="Orphan")
    waiting.operator.wait_condition(name, "Submitted")
    file = waiting.file(name)
    waiting.operator.kubectl("delete", "gbj", name, "--timeout=30s")
    assert files_of(waiting.operator, name) == [file]
    assert len(waiting.operator.batches_of(name)) == 1
