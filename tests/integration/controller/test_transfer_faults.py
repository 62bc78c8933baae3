"""Faults in the middle of uploads and deliveries: a clear reason, and everything once and whole."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.crash.background import Background
from tests.crash.calls import to_s3
from tests.crash.journal import Journal, Moment, NthCall, Trap
from tests.crash.proxy import Proxy
from tests.emulator_process import EmulatorProcess
from tests.integration.controller.conftest import running_operator
from tests.object_servers import BUCKET, S3Server
from tests.operator_process import Operator, job
from tests.stored_jobs import (
    check_input,
    check_output,
    files_of,
    object_at,
    outputs_of,
    put_object,
    put_secret,
    requests,
    storage_flags,
)
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(240)

LINES = 17
INPUT = requests(LINES)
"""Three chunks, with results of three parts."""

LONG_LINES = 72
LONG = requests(LONG_LINES, answered=1)
"""Larger than all buffers, so it is not read to its end while its first chunk is on its way."""

RESULTS = "results"
"""A bucket that is reached through the proxy."""

REST = pytest.mark.exhaustive

Fault = dict[str, Any]


class Storing:
    """An operator, an S3 server, and a proxy between the two that can hold a request."""

    def __init__(
        self, operator: Operator, s3: S3Server, background: Background, journal: Journal
    ) -> None:
        self.operator = operator
        self.google = operator.emulator
        self.s3 = s3
        self._background = background
        self._journal = journal

    def apply(self, name: str, content: bytes, **spec: Any) -> None:
        """A job that reads an object, and writes to another one."""
        put_object(self.s3, f"in/{name}.jsonl", content)
        source = object_at(f"in/{name}.jsonl", name)
        put_secret(self.operator, name)
        self.operator.apply(job(name, source, **spec))

    def check(self, name: str, content: bytes) -> None:
        """One batch, which was made of one file, which is the object."""
        [batch] = self.operator.batches_of(name)
        assert batch["state"] == "BATCH_STATE_SUCCEEDED"
        check_input(self.operator, name, content)

    def apply_delivering(self, name: str) -> None:
        """A job that writes its results to an object."""
        self.apply(name, INPUT, output=object_at("out", name, RESULTS))

    def check_delivered(self, name: str) -> None:
        """One batch, and its results once and whole."""
        self.check(name, INPUT)
        check_output(self.operator, self.s3, name, LINES, RESULTS)
        said = self.operator.condition(name, "Stalled")
        assert said.get("status") != "True", f"condition {said}"

    @contextmanager
    def held_at(self, call: str, occurrence: int) -> Iterator[threading.Event]:
        """The next job's request to the S3 server of that number is held; the event is set then.

        It goes on at the end of the block.
        """
        come, go_on = threading.Event(), asyncio.Event()

        def hold() -> asyncio.Event:
            come.set()
            return go_on

        trap = Trap(NthCall(call, occurrence), Moment.BEFORE, hold)
        self._background.call(lambda: self._journal.open(""))
        self._background.call(lambda: setattr(self._journal, "trap", trap))
        try:
            yield come
        finally:
            self._background.call(go_on.set)

    def lose_output_at(self, name: str, call: str, nth: int) -> None:
        """Apply a job that delivers, and kill the S3 server at its nth request of that kind."""
        with self.held_at(call, nth) as come:
            self.apply_delivering(name)
            assert come.wait(30), f"{call} #{nth} did not come"
            self.s3.kill()

    @contextmanager
    def never_in_part(self, name: str) -> Iterator[None]:
        """Watch the job's output all the time: whenever there is an object, it is whole."""
        seen: set[tuple[str, int]] = set()
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.005):
                for path in outputs_of(self.operator, self.s3, name, RESULTS):
                    seen.add((path.name, path.stat().st_size))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        assert len(seen) == 1, f"objects {seen}"


@pytest.fixture(scope="module")
def storing(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storing]:
    directory, journal = tmp_path_factory.mktemp("faults"), Journal()
    with (
        S3Server(directory / "s3") as s3,
        Background() as background,
        Proxy(s3.url, to_s3, journal, background) as proxy,
        running_operator(
            control_plane, directory, *storage_flags(s3, **{RESULTS: proxy.url})
        ) as operator,
    ):
        (s3.data / RESULTS).mkdir()
        yield Storing(operator, s3, background, journal)


@pytest.fixture(autouse=True)
def restored(storing: Storing) -> Iterator[None]:
    yield
    storing.google.clear_faults()
    storing.s3.kill()
    storing.s3.start()


def fault(google: EmulatorProcess, route: str, nth: int, **what: Any) -> None:
    """A fault at the nth request of a route."""
    if nth > 1:
        google.fault(route, "delay", count=nth - 1)
    google.fault(route, **what)


UNAVAILABLE: Fault = {"action": "status", "status": 503}
UPLOAD_FAULTS: dict[str, Fault] = {
    "503": UNAVAILABLE,
    "503-after": {**UNAVAILABLE, "when": "after"},
    "429": {"action": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "drop": {"action": "drop"},
    "drop-after": {"action": "drop", "when": "after"},
    "truncate": {"action": "truncate"},
}


def some(table: dict[str, Fault], *quick: tuple[int, str]) -> list[Any]:
    """Every fault at each of the three requests; without `--exhaustive` only `quick`."""
    return [
        pytest.param(nth, kind, id=f"{kind}-{nth}", marks=() if (nth, kind) in quick else REST)
        for nth in (1, 2, 3)
        for kind in table
    ]


@pytest.mark.parametrize(
    ("nth", "kind"), some(UPLOAD_FAULTS, (1, "drop"), (2, "truncate"), (3, "503-after"))
)
def test_a_chunk_that_fails_is_sent_again(storing: Storing, name: str, nth: int, kind: str) -> None:
    starts = storing.google.requests("files.upload")
    fault(storing.google, "files.uploadChunk", nth, **UPLOAD_FAULTS[kind])
    storing.apply(name, INPUT)
    storing.operator.wait_complete(name)
    storing.check(name, INPUT)
    assert storing.google.requests("files.upload") == starts + 1
    assert storing.google.state()["faults"] == []


def test_an_upload_that_google_has_forgotten_begins_again(storing: Storing, name: str) -> None:
    starts = storing.google.requests("files.upload")
    fault(storing.google, "files.uploadChunk", 2, action="status", status=404)
    storing.apply(name, INPUT)
    storing.operator.wait_complete(name)
    storing.check(name, INPUT)
    assert storing.google.requests("files.upload") == starts + 2


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind == "drop-after" else REST) for kind in UPLOAD_FAULTS],
)
def test_a_start_that_fails_is_tried_again(storing: Storing, name: str, kind: str) -> None:
    storing.google.fault("files.upload", **UPLOAD_FAULTS[kind])
    storing.apply(name, INPUT)
    storing.operator.wait_complete(name)
    storing.check(name, INPUT)


@pytest.mark.parametrize(
    "route",
    ["files.upload", *(pytest.param(at, marks=REST) for at in ("files.uploadChunk", "files.get"))],
)
def test_google_throttles_for_long(storing: Storing, name: str, route: str) -> None:
    # An upload that has begun would wait for a minute.
    seconds = "61" if route == "files.uploadChunk" else "20"
    slow: Fault = {"action": "status", "status": 429, "headers": {"Retry-After": seconds}}
    storing.google.fault(route, **slow, count=None)
    asked = storing.google.requests(route)
    storing.apply(name, INPUT)

    def said() -> Any:
        return storing.operator.condition(name, "Submitted")

    eventually(lambda: said().get("reason") == "QuotaExceeded", what="QuotaExceeded")
    assert "Google answered 429" in said()["message"]
    assert storing.operator.status(name)["state"] == "Queued"
    assert storing.operator.condition(name, "Stalled") == {}
    tried = storing.google.requests(route) - asked
    time.sleep(10)
    # A begun upload is cancelled, too.
    assert storing.google.requests(route) - asked == tried <= 2
    storing.google.clear_faults()
    storing.operator.wait_complete(name, timeout=90)
    storing.check(name, INPUT)


REFUSED = {
    "401": (401, "Google rejected the Gemini API key"),
    "403": (403, "Google does not permit this API key"),
}


# As Google has answered (github.com/googleapis/python-genai/issues/1172).
STORAGE_FULL = {
    "code": 429,
    "status": "RESOURCE_EXHAUSTED",
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [
                {
                    "quotaMetric": "generativelanguage.googleapis.com/file_storage_bytes",
                    "quotaId": "FileStorageBytesPerProject",
                    "quotaValue": "21474836480",
                }
            ],
        },
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{2**63 - 1}s"},
    ],
}


@pytest.mark.parametrize("route", ["files.uploadChunk", pytest.param("files.upload", marks=REST)])
def test_google_has_no_room_for_an_upload(storing: Storing, name: str, route: str) -> None:
    storing.google.fault(route, "status", status=429, body={"error": STORAGE_FULL}, count=None)
    asked = storing.google.requests(route)
    storing.apply(name, INPUT)

    def said() -> Any:
        return storing.operator.condition(name, "Submitted")

    eventually(lambda: said().get("reason") == "FileStorageFull", what="FileStorageFull")
    assert said()["message"].startswith("Google has no room for the input")
    assert "You exceeded your current quota" in said()["message"]
    assert storing.operator.status(name)["state"] == "Queued"
    assert storing.operator.condition(name, "Stalled") == {}
    # The chunk, and the end of its upload.
    assert storing.google.requests(route) - asked <= 2
    storing.operator.kubectl("delete", "gbj", name)
    assert storing.operator.batches_of(name) == []


@pytest.mark.parametrize("kind", ["403", pytest.param("401", marks=REST)])
def test_google_refuses_the_key_an_upload(storing: Storing, name: str, kind: str) -> None:
    status, words = REFUSED[kind]
    storing.google.fault("files.upload", "status", status=status, count=None)
    storing.apply(name, INPUT)
    said = storing.operator.wait_problem(name, "CredentialsRejected")
    assert said["message"].startswith(words)
    assert f"files.upload: Google answered {status}" in said["message"]
    assert storing.operator.condition(name, "Submitted")["reason"] == "CredentialsRejected"
    storing.google.clear_faults()
    storing.operator.wait_complete(name, timeout=90)
    storing.check(name, INPUT)
    assert storing.operator.condition(name, "Stalled").get("status") != "True"


TAKEN: Fault = {"action": "status", "status": 409}


def test_a_name_that_google_still_keeps_is_passed_over(storing: Storing, name: str) -> None:
    storing.google.fault("files.upload", **TAKEN)
    storing.apply(name, INPUT)
    storing.operator.wait_complete(name)
    storing.check(name, INPUT)
    assert storing.operator.status(name)["inputFile"]["fileName"].endswith("-2")


def test_when_every_name_is_taken_the_job_says_so(storing: Storing, name: str) -> None:
    storing.google.fault("files.upload", **TAKEN, count=None)
    storing.apply(name, INPUT)
    said = storing.operator.wait_problem(name, "RemoteUnavailable", timeout=90)
    assert "files.upload: Google answered 409" in said["message"]
    assert storing.operator.status(name)["inputFile"]["fileName"].endswith("-4")
    storing.google.clear_faults()
    storing.operator.wait_complete(name, timeout=90)
    storing.check(name, INPUT)


def test_a_finalized_file_that_is_not_shown_at_once_is_used(storing: Storing, name: str) -> None:
    """The finalization's answer is lost, and so is that of the look after it."""
    starts = storing.google.requests("files.upload")
    fault(storing.google, "files.uploadChunk", 3, **UPLOAD_FAULTS["503-after"])
    fault(storing.google, "files.get", 2, **UNAVAILABLE)
    storing.apply(name, INPUT)
    storing.operator.wait_complete(name)
    storing.check(name, INPUT)
    assert storing.google.requests("files.upload") == starts + 1, "it was uploaded twice"


@pytest.mark.parametrize("route", ["files.upload", pytest.param("files.uploadChunk", marks=REST)])
def test_google_is_away_for_long(storing: Storing, name: str, route: str) -> None:
    storing.google.fault(route, **UNAVAILABLE, count=None)
    storing.apply(name, INPUT)
    said = storing.operator.wait_problem(name, "RemoteUnavailable", timeout=90)
    assert "files.upload" in said["message"]
    assert files_of(storing.operator, name) == []
    storing.google.clear_faults()
    storing.operator.wait_complete(name, timeout=90)
    storing.check(name, INPUT)
    assert storing.operator.condition(name, "Stalled").get("status") != "True"


def half_way(storing: Storing, name: str, content: bytes = LONG) -> None:
    """The upload of a new job has begun, and stands still."""
    storing.google.fault("files.uploadChunk", "hold")
    storing.apply(name, content)
    storing.google.wait_for_held("files.uploadChunk")


def test_a_source_that_is_away_for_a_moment_is_read_on(storing: Storing, name: str) -> None:
    half_way(storing, name)
    storing.s3.kill()
    storing.google.release()
    storing.s3.start()
    storing.operator.wait_complete(name)
    storing.check(name, LONG)


def test_a_source_that_is_away_for_long_is_read_again(storing: Storing, name: str) -> None:
    half_way(storing, name)
    storing.s3.kill()
    storing.google.release()
    said = storing.operator.wait_problem(name, "InputMissing")
    assert f"s3://{BUCKET}/in/{name}.jsonl" in said["message"]
    assert "it is tried again" in said["message"]
    assert files_of(storing.operator, name) == []
    storing.s3.start()
    storing.operator.wait_complete(name, timeout=60)
    storing.check(name, LONG)


def test_an_object_that_is_replaced_while_it_is_read_is_read_again(
    storing: Storing, name: str
) -> None:
    new = requests(LONG_LINES, answered=1, word="y")
    put_object(storing.s3, f"in/{name}.new", new)
    half_way(storing, name)
    storing.s3.kill()
    # While the server is away, or the old object might be read on before.
    storing.s3.replace(f"in/{name}.jsonl", f"in/{name}.new")
    storing.s3.start()
    storing.google.release()
    said = storing.operator.wait_problem(name, "InputMissing")
    assert "has changed since it was first read" in said["message"]
    storing.operator.wait_complete(name, timeout=60)
    storing.check(name, new)


def test_an_object_that_is_deleted_while_it_is_read(storing: Storing, name: str) -> None:
    half_way(storing, name)
    storing.s3.kill()
    (storing.s3.data / BUCKET / f"in/{name}.jsonl").unlink()
    storing.s3.start()
    storing.google.release()
    said = storing.operator.wait_problem(name, "InputMissing")
    assert "does not exist (404): create it" in said["message"]
    assert files_of(storing.operator, name) == []
    put_object(storing.s3, f"in/{name}.jsonl", LONG)
    storing.operator.wait_complete(name, timeout=60)
    storing.check(name, LONG)


def test_credentials_that_are_revoked_while_the_object_is_read(storing: Storing, name: str) -> None:
    half_way(storing, name)
    storing.s3.kill()
    storing.s3.start("another-secret-key")
    storing.google.release()
    said = storing.operator.wait_problem(name, "InputRefused")
    assert "does not know the credentials: correct the Secret" in said["message"]
    assert files_of(storing.operator, name) == []
    put_secret(storing.operator, name, secret_access_key="another-secret-key")
    storing.operator.wait_complete(name, timeout=60)
    storing.check(name, LONG)


DOWNLOAD_FAULTS: dict[str, Fault] = {
    "503": UNAVAILABLE,
    "429": {"action": "status", "status": 429, "headers": {"Retry-After": "1"}},
    "drop": {"action": "drop"},
    "truncate": {"action": "truncate"},
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind == "truncate" else REST) for kind in DOWNLOAD_FAULTS],
)
def test_results_that_break_off_are_copied_again(storing: Storing, name: str, kind: str) -> None:
    left = len(storing.s3.unfinished_uploads(RESULTS))
    storing.google.fault("files.download", **DOWNLOAD_FAULTS[kind])
    with storing.never_in_part(name):
        storing.apply_delivering(name)
        storing.operator.wait_complete(name, timeout=60)
    storing.check_delivered(name)
    assert len(storing.s3.unfinished_uploads(RESULTS)) == left, "parts are left"


PARTS = [
    ("s3 start", 1),
    ("s3 part", 1),
    ("s3 part", 2),
    ("s3 part", 3),
    ("s3 complete", 1),
    ("s3 look", 1),
]


@pytest.mark.parametrize(
    ("call", "nth"),
    [pytest.param(*at, marks=() if at[0] == "s3 complete" else REST) for at in PARTS],
)
def test_an_output_that_is_away_for_a_moment_is_written_on(
    storing: Storing, name: str, call: str, nth: int
) -> None:
    with storing.never_in_part(name):
        storing.lose_output_at(name, call, nth)
        storing.s3.start()
        storing.operator.wait_complete(name, timeout=60)
    storing.check_delivered(name)


@pytest.mark.parametrize(
    ("call", "nth"), [pytest.param(*at, marks=() if at == ("s3 part", 2) else REST) for at in PARTS]
)
def test_an_output_that_is_away_for_long_is_written_again(
    storing: Storing, name: str, call: str, nth: int
) -> None:
    with storing.never_in_part(name):
        storing.lose_output_at(name, call, nth)
        said = storing.operator.wait_problem(name, "OutputRefused", timeout=60)
        assert f"s3://{RESULTS}/out/" in said["message"]
        assert "it is tried again" in said["message"]
        storing.s3.start()
        storing.operator.annotate(name, requested_at="now")
        storing.operator.wait_complete(name, timeout=60)
    storing.check_delivered(name)


@REST
def test_an_output_that_comes_back_is_written_without_anybody_asking(
    storing: Storing, name: str
) -> None:
    with storing.held_at("s3 part", 2) as come:
        storing.apply_delivering(name)
        assert come.wait(30), "the second part did not come"
        storing.s3.kill()
    storing.operator.wait_problem(name, "OutputRefused", timeout=60)
    storing.s3.start()
    storing.operator.wait_condition(name, "Complete", timeout=90)
    storing.check_delivered(name)


def test_credentials_that_are_revoked_while_results_are_written(
    storing: Storing, name: str
) -> None:
    with storing.never_in_part(name):
        with storing.held_at("s3 part", 2) as come:
            storing.apply_delivering(name)
            assert come.wait(30), "the second part did not come"
            storing.s3.kill()
            storing.s3.start("another-secret-key")
        said = storing.operator.wait_problem(name, "OutputRefused")
        assert "does not know the credentials: correct the Secret" in said["message"]
        put_secret(storing.operator, name, secret_access_key="another-secret-key")
        storing.operator.annotate(name, requested_at="now")
        storing.operator.wait_complete(name, timeout=60)
    storing.check_delivered(name)


def test_a_disk_that_is_full_has_no_part_of_the_results(storing: Storing, name: str) -> None:
    left = len(storing.s3.unfinished_uploads(RESULTS))
    with storing.never_in_part(name):
        with storing.held_at("s3 part", 2) as come:
            storing.apply_delivering(name)
            assert come.wait(30), "the second part did not come"
            storing.s3.limit_files(4 * 2**20)
        said = storing.operator.wait_problem(name, "OutputRefused", timeout=60)
        assert "is not available (500)" in said["message"]
        assert outputs_of(storing.operator, storing.s3, name, RESULTS) == []
        assert len(storing.s3.unfinished_uploads(RESULTS)) == left, "parts are left"
        storing.s3.limit_files(-1)
        storing.operator.annotate(name, requested_at="now")
        storing.operator.wait_complete(name, timeout=60)
    storing.check_delivered(name)
