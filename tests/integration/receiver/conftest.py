"""The receiver as a process, on a road to a real API server, with the least rights."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import pytest

from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from local import access
from local.access import Account
from local.api import AdminApi
from local.control_plane import ControlPlane
from tests.callback_keys import KEY
from tests.deliveries import EVENT_ID, Signer, encoded, envelope
from tests.integration.conftest import KubeconfigFor
from tests.integration.receiver.peers import ApiRoad, KeyPublisher
from tests.operator_process import Process, receiver_rules, through

ATTEMPT = "0123456789abcdef"
SIGNER = Signer()
BODY = encoded(envelope())
DEADLINE = 20.0
JOBS = "/apis/gemini-operator.io/v1alpha1/namespaces/{}/geminibatchjobs"
SPEC = {
    "model": "gemini-2.5-flash",
    "input": {"inline": [{"key": "one", "request": {"contents": [{"parts": [{"text": "Hi"}]}]}}]},
}
RUNNING = {"attempt": {"id": ATTEMPT, "number": 1, "startTime": "2026-11-03T09:00:00Z"}}
EVENT = {
    "id": EVENT_ID,
    "type": "batch.succeeded",
    "attempt": ATTEMPT,
    "remoteName": "batches/reviews-0123456789",
    "time": "2026-11-03T09:41:27Z",
}
"""What is recorded of `BODY`."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Job:
    """One GeminiBatchJob of the test, waiting to be called back."""

    api: AdminApi
    namespace: str
    name: str

    @property
    def path(self) -> str:
        return f"{JOBS.format(self.namespace)}/{self.name}"

    def read(self) -> Any:
        return self.api.request("GET", self.path)

    def put_status(self, status: dict[str, Any]) -> None:
        self.api.request("PUT", f"{self.path}/status", {**self.read(), "status": status})

    @property
    def version(self) -> str:
        return str(self.read()["metadata"]["resourceVersion"])

    @property
    def last_event(self) -> Any:
        return self.read()["status"].get("lastEvent")

    def target(self, attempt: str = ATTEMPT) -> Target:
        uid = self.read()["metadata"]["uid"]
        return Target("geminibatchjobs", self.namespace, self.name, uid, attempt)


class Receiver:
    """The process, and Google's side of the conversation."""

    def __init__(
        self, process: Process, keys: Path, road: ApiRoad, publisher: KeyPublisher
    ) -> None:
        self.process = process
        self.keys = keys
        self.road = road
        self.publisher = publisher
        self._metrics_before: dict[str, float] = {}
        self._log_before = 0

    def start(self) -> None:
        port = self.process.url.rpartition(":")[2] if self.process.url else "0"
        self.process.start("--port", port)

    def begin_test(self) -> None:
        """From here on counts and log lines are those of one test."""
        self.road.faults.clear()
        self.road.requests = 0
        self.publisher.signers = (SIGNER,)
        self._metrics_before = self._metrics()
        self._log_before = len(self.process.text())

    def logged(self, level: str) -> list[dict[str, Any]]:
        """The log lines of a level, without any that is not JSON."""
        lines = self.process.text()[self._log_before :].splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["level"] == level]

    def path(self, target: Target, key: str = "key-1") -> str:
        return address.url("", KeyDirectory(self.keys, key).signing(), target)

    def deliver(
        self, target: Target, body: bytes = BODY, *, signer: Signer = SIGNER, **headers: Any
    ) -> Reply:
        return self.post(self.path(target), body, signer.headers(body, **headers))

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        url = urlsplit(self.process.url)
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=DEADLINE)
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            received = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, received, answer.read())
        finally:
            connection.close()

    @property
    def metrics_url(self) -> str:
        lines = [n for n in self.process.text().splitlines() if n.startswith("metrics on ")]
        return lines[-1].removeprefix("metrics on ")

    def get_metrics_port(self, path: str) -> Reply:
        url = urlsplit(self.metrics_url)
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=DEADLINE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def metric(self, series: str) -> float:
        """By how much one series has grown."""
        return self._metrics().get(series, 0.0) - self._metrics_before.get(series, 0.0)

    def _metrics(self) -> dict[str, float]:
        lines = self.get_metrics_port("/metrics").body.decode().splitlines()
        samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
        return {series: float(value) for series, _, value in samples}


def requests(result: str, scheme: str = "v1a") -> str:
    """The series that counts deliveries with this result."""
    return f'gemini_operator_receiver_requests_total{{result="{result}",scheme="{scheme}"}}'


def in_background(receiver: Receiver, job: Job) -> tuple[threading.Thread, list[object]]:
    """A delivery whose answer, or the error it ends in, lands in the list."""
    answers: list[object] = []
    target = job.target()

    def deliver() -> None:
        try:
            answers.append(receiver.deliver(target).status)
        except (OSError, http.client.HTTPException) as error:
            answers.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    return thread, answers


JobMaker = Callable[..., Job]
ReceiverMaker = Callable[..., Receiver]


@pytest.fixture
def make_job(control_plane: ControlPlane, namespace: str) -> JobMaker:
    """`make_job("name", status={…}, finalizers=[…])`; without a status it is never submitted."""

    def make(name: str = "job", *, status: dict[str, Any] | None = RUNNING, **metadata: Any) -> Job:
        manifest = {
            "apiVersion": "gemini-operator.io/v1alpha1",
            "kind": "GeminiBatchJob",
            "metadata": {"name": name, **metadata},
            "spec": SPEC,
        }
        control_plane.api.request("POST", JOBS.format(namespace), manifest)
        job = Job(control_plane.api, namespace, name)
        if status is not None:
            job.put_status(status)
        return job

    return make


@pytest.fixture
def job(make_job: JobMaker) -> Job:
    return make_job()


@contextmanager
def surroundings(control_plane: ControlPlane, directory: Path) -> Iterator["Surroundings"]:
    """What receivers need around them; ends those that are left."""
    keys = directory / "callback-keys"
    keys.mkdir()
    (keys / "key-1").write_text(KEY)
    road = ApiRoad(control_plane.server, control_plane.api.authority)
    with road, KeyPublisher(SIGNER) as publisher:
        found = Surroundings(directory, keys, road, publisher)
        yield found
        for process in found.processes:
            process.kill()


@dataclass
class Surroundings:
    directory: Path
    keys: Path
    road: ApiRoad
    publisher: KeyPublisher
    processes: list[Process] = field(default_factory=list)

    def receiver(self, kubeconfig: Path, *options: str) -> Receiver:
        """Not started yet."""
        process = Process(
            "receiver",
            self.directory / f"receiver-{len(self.processes)}.log",
            *("--kubeconfig", str(through(kubeconfig, self.road.url))),
            *("--host", "127.0.0.1", "--health-host", "127.0.0.1", "--metrics-port", "0"),
            *("--callback-keys-dir", str(self.keys), "--log-level", "debug"),
            *("--jwks-url", f"{self.publisher.url}/jwks.json", "--allow-insecure-jwks"),
            *options,
        )
        self.processes.append(process)
        return Receiver(process, self.keys, self.road, self.publisher)


@pytest.fixture
def make_receiver(
    control_plane: ControlPlane, tmp_path: Path, service_account_kubeconfig: KubeconfigFor
) -> Iterator[ReceiverMaker]:
    """`make_receiver(*options, rules=…, kubeconfig=…)`: one of the test's own, not started yet."""
    with surroundings(control_plane, tmp_path) as around:

        def make(*options: str, rules: Any = None, kubeconfig: Path | None = None) -> Receiver:
            return around.receiver(
                kubeconfig
                or service_account_kubeconfig(rules or receiver_rules(), cluster_wide=False),
                *options,
            )

        yield make


@pytest.fixture(scope="session")
def account(control_plane: ControlPlane) -> Account:
    """With just the right to patch the status of jobs, in every namespace."""
    api = control_plane.api
    name = f"receiver-{token_hex(4)}"
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    return receiver_account(api, name)


def receiver_account(
    api: AdminApi, namespace: str, rules: list[dict[str, Any]] | None = None
) -> Account:
    """An account in `namespace` that has the receiver's rights, once they are in effect."""
    rules = rules or receiver_rules()
    found = Account(namespace, "receiver")
    found.create(api)
    found.grant(api, rules, cluster_wide=True)
    token = found.token(api, seconds=3600)
    access.wait_effective(api, token, rules, namespace=namespace)
    return found


@pytest.fixture(scope="session")
def running_receiver(
    control_plane: ControlPlane, account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    directory = tmp_path_factory.mktemp("receiver")
    kubeconfig = account.write_kubeconfig(control_plane.api, directory / "kubeconfig", seconds=3600)
    with surroundings(control_plane, directory) as around:
        found = around.receiver(kubeconfig)
        found.start()
        yield found


@pytest.fixture
def receiver(running_receiver: Receiver) -> Receiver:
    """One process for all tests that don't end or configure it; each has jobs of its own."""
    running_receiver.begin_test()
    return running_receiver
