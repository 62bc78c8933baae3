"""Static webhooks: from a signed event of a project to the one job that it is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.deliveries import EVENT_ID, SecretSigner, encoded, envelope
from tests.integration.receiver.conftest import (
    ATTEMPT,
    BODY,
    RUNNING,
    Job,
    JobMaker,
    Receiver,
    Reply,
    receiver_account,
    requests,
    surroundings,
)
from tests.integration.receiver.peers import Fault
from tests.operator_process import receiver_rules
from tests.waiting import eventually

SIGNER, OTHER = SecretSigner(), SecretSigner(b"\x07" * 32)
BATCH = "batches/reviews-0123456789"
NAMED = {**RUNNING, "batchName": BATCH}
EVENT = {
    "id": EVENT_ID,
    "type": "batch.succeeded",
    "attempt": ATTEMPT,
    "remoteName": BATCH,
    "time": "2026-11-03T09:41:27Z",
}


class StaticReceiver:
    """A receiver with one static webhook, for the namespace of the test."""

    def __init__(self, receiver: Receiver, secrets: Path, namespace: str) -> None:
        self.receiver = receiver
        self.secrets = secrets
        self.namespace = namespace

    def deliver(
        self,
        body: bytes = BODY,
        *,
        signer: SecretSigner = SIGNER,
        namespace: str | None = None,
        **headers: Any,
    ) -> Reply:
        path = f"/v1/static/{namespace or self.namespace}/reviews"
        return self.receiver.post(path, body, signer.headers(body, **headers))


@contextmanager
def serving(
    control_plane: ControlPlane, directory: Path, namespace: str, rules: list[dict[str, Any]]
) -> Iterator[StaticReceiver]:
    """A receiver with one static webhook, and these rights."""
    account = receiver_account(control_plane.api, namespace, rules)
    kubeconfig = account.write_kubeconfig(control_plane.api, directory / "kubeconfig", seconds=3600)
    secrets = directory / "static" / namespace / "reviews"
    secrets.mkdir(parents=True)
    (secrets / "current").write_text(SIGNER.text)
    with surroundings(control_plane, directory) as around:
        found = around.receiver(kubeconfig, "--static-secrets-dir", str(directory / "static"))
        found.start()
        found.begin_test()
        yield StaticReceiver(found, secrets, namespace)


@pytest.fixture
def static(control_plane: ControlPlane, tmp_path: Path, namespace: str) -> Iterator[StaticReceiver]:
    with serving(control_plane, tmp_path, namespace, receiver_rules(static=True)) as found:
        yield found


def named(batch: str) -> bytes:
    return encoded(envelope(data={"id": batch}))


def test_s19_an_event_is_recorded_on_the_job_that_runs_its_batch(
    static: StaticReceiver, make_job: JobMaker
) -> None:
    others = [make_job("other", status={**RUNNING, "batchName": "batches/other"}), make_job("none")]
    versions = [other.version for other in others]
    job = make_job("mine", status=NAMED)
    answer = static.deliver()
    assert (answer.status, answer.body) == (200, b"OK\n")
    assert job.read()["status"] == {**NAMED, "lastEvent": EVENT}
    assert [other.version for other in others] == versions
    assert static.receiver.metric(requests("recorded", "v1")) == 1


@pytest.mark.row(89)
def test_a_redelivery_writes_nothing(static: StaticReceiver, make_job: JobMaker) -> None:
    job = make_job(status=NAMED)
    static.deliver()
    version = job.version
    assert static.deliver().status == 200
    assert job.version == version


def test_s12_the_receiver_sees_metadata_only(
    static: StaticReceiver, make_job: JobMaker, control_plane: ControlPlane
) -> None:
    make_job(status=NAMED)
    static.deliver()
    user = f"system:serviceaccount:{static.namespace}:receiver"
    asked = [
        (event["verb"], event["objectRef"].get("subresource"))
        for event in control_plane.audit_events()
        if event["user"].get("username") == user
    ]
    assert set(asked) == {("list", None), ("patch", "status")}
    assert "Say hello" not in static.receiver.process.text()


@pytest.mark.row(81, 84, 88, 95)
@pytest.mark.parametrize(
    ("body", "lists"),
    [
        (named("batches/unknown"), True),
        (named(""), False),
        (named("reviews-0123456789,status.state=Running"), False),
        (named("batches/../x"), False),
        (encoded(envelope(type="interaction.completed")), False),
        (encoded({"type": "webhooks.ping", "data": {}}), False),
        (b"\xff{", False),
    ],
)
def test_s19_an_event_about_no_job_here_is_acknowledged_and_changes_nothing(
    static: StaticReceiver, make_job: JobMaker, body: bytes, lists: bool
) -> None:
    jobs = [make_job("mine", status=NAMED), make_job("unnamed")]
    versions = [job.version for job in jobs]
    assert static.deliver(body).status == 200
    assert [job.version for job in jobs] == versions
    assert static.receiver.road.requests == lists


def test_s19_two_jobs_with_one_batch_get_nothing(
    static: StaticReceiver, make_job: JobMaker
) -> None:
    jobs = [make_job(name, status=NAMED) for name in ("one", "two")]
    assert static.deliver().status == 200
    assert [job.last_event for job in jobs] == [None, None]


def test_a_job_of_another_namespace_is_out_of_reach(
    static: StaticReceiver, control_plane: ControlPlane, make_job: JobMaker
) -> None:
    mine = make_job(status=NAMED)
    other = f"{static.namespace}-b"
    control_plane.api.request("POST", "/api/v1/namespaces", {"metadata": {"name": other}})
    assert static.deliver(namespace=other).status == 404
    assert mine.last_event is None


@pytest.mark.row(112)
@pytest.mark.parametrize(
    "change",
    [
        {"completionTime": "2026-11-03T10:00:00Z"},
        {"attempt": None},
    ],
)
def test_a_job_that_has_ended_or_has_no_attempt_is_left_alone(
    static: StaticReceiver, make_job: JobMaker, change: dict[str, Any]
) -> None:
    status = {name: value for name, value in {**NAMED, **change}.items() if value is not None}
    job = make_job(status=status)
    assert static.deliver().status == 200
    assert job.last_event is None


@pytest.mark.row(49)
def test_a_rotation_needs_no_restart(static: StaticReceiver, make_job: JobMaker) -> None:
    make_job(status=NAMED)
    assert static.deliver(signer=OTHER).status == 401
    (static.secrets / "next").write_text(OTHER.text)
    eventually(lambda: static.deliver(signer=OTHER).status == 200)
    assert static.deliver().status == 200
    (static.secrets / "current").unlink()
    eventually(lambda: static.deliver().status == 401)


@pytest.mark.row(103, 104, 106)
@pytest.mark.parametrize("fault", [Fault(status=500), Fault(status=403), Fault(status=429)])
def test_an_api_server_that_does_not_answer_is_tried_again_by_google(
    static: StaticReceiver, make_job: JobMaker, fault: Fault
) -> None:
    job = make_job(status=NAMED)
    static.receiver.road.faults.append(fault)
    answer = static.deliver()
    assert (answer.status, "retry-after" in answer.headers) == (503, True)
    assert job.last_event is None
    assert static.deliver().status == 200
    assert job.last_event == EVENT


@pytest.mark.row(106)
def test_without_the_right_to_list_an_administrator_is_told(
    control_plane: ControlPlane, tmp_path: Path, namespace: str, job: Job
) -> None:
    with serving(control_plane, tmp_path, namespace, receiver_rules()) as static:
        assert static.deliver().status == 503
        (line,) = static.receiver.logged("error")
        assert "check the receiver's RBAC" in line["event"]
    assert job.last_event is None
