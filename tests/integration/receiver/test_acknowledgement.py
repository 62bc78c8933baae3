"""From a signed delivery to the job's status on a real API server, through a real process."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gemini_operator.callbacks.address import Target
from local.access import Account
from local.control_plane import ControlPlane
from tests.deliveries import EVENT_ID, Signer, encoded, envelope
from tests.integration.conftest import KubeconfigFor
from tests.integration.receiver.conftest import (
    ATTEMPT,
    EVENT,
    RUNNING,
    Job,
    JobMaker,
    Receiver,
    ReceiverMaker,
    requests,
)
from tests.integration.receiver.peers import Fault
from tests.operator_process import receiver_rules
from tests.waiting import eventually

OTHER_ATTEMPT = "fedcba9876543210"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.mark.row(118)
def test_s12_an_event_is_recorded_with_no_right_but_patching_the_status(
    receiver: Receiver, job: Job, control_plane: ControlPlane, account: Account
) -> None:
    answer = receiver.deliver(job.target())
    assert (answer.status, answer.body) == (200, b"OK\n")
    assert job.read()["status"] == {**RUNNING, "lastEvent": EVENT}
    user = f"system:serviceaccount:{account.namespace}:{account.name}"
    asked = [
        (event["verb"], event["objectRef"]["resource"], event["objectRef"].get("subresource"))
        for event in control_plane.audit_events()
        if event["user"].get("username") == user
    ]
    assert set(asked) == {("patch", "geminibatchjobs", "status")}


@pytest.mark.row(89)
def test_p19_a_redelivery_writes_nothing(receiver: Receiver, job: Job) -> None:
    target = job.target()
    now = int(time.time())
    assert receiver.deliver(target, timestamp=now - 60).status == 200
    version = job.version
    assert receiver.deliver(target, timestamp=now).status == 200
    assert job.version == version


@pytest.mark.parametrize(
    "body",
    [
        *(
            pytest.param(body, marks=pytest.mark.row(81))
            for body in (b"\xff{", b"", b"\xef\xbb\xbf{}", b"[" * 60_000, b"1" * 5000, b"NaN")
        ),
        *(
            pytest.param(body, marks=pytest.mark.row(82))
            for body in (b"[]", b'"text"', b"null", b"{}", b'{"data": []}', b'{"data": {"id": 7}}')
        ),
    ],
)
def test_p19_an_event_that_cannot_be_read_leaves_its_id_and_the_headers_time(
    receiver: Receiver, job: Job, body: bytes
) -> None:
    now = int(time.time())
    assert receiver.deliver(job.target(), body, timestamp=now).status == 200
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    assert job.last_event == {"id": EVENT_ID, "attempt": ATTEMPT, "time": stamp}


@pytest.mark.row(84)
def test_an_event_of_another_family_writes_nothing(receiver: Receiver, job: Job) -> None:
    body = encoded(envelope(type="interaction.completed"))
    assert receiver.deliver(job.target(), body).status == 200
    assert job.last_event is None
    assert receiver.road.requests == 0


@pytest.mark.row(112)
@pytest.mark.parametrize(
    "status",
    [
        {**RUNNING, "completionTime": "2026-11-03T10:00:00Z"},
        {"attempt": {**RUNNING["attempt"], "id": OTHER_ATTEMPT}},
        {"state": "Queued"},
        None,
    ],
    ids=["finished", "superseded", "no attempt", "no status"],
)
def test_s14_an_old_address_is_acknowledged_and_writes_nothing(
    receiver: Receiver, make_job: JobMaker, status: dict[str, object] | None
) -> None:
    job = make_job(status=status)
    version = job.version
    assert receiver.deliver(job.target()).status == 200
    assert job.version == version
    assert receiver.metric(requests("irrelevant")) == 1


@pytest.mark.row(109)
def test_s14_a_job_that_is_being_deleted_is_left_alone(
    receiver: Receiver, make_job: JobMaker
) -> None:
    job = make_job(finalizers=["example.com/keep"])
    target = job.target()
    job.api.request("DELETE", job.path)
    version = job.version
    assert receiver.deliver(target).status == 200
    assert job.version == version
    patch = {**job.read(), "metadata": {**job.read()["metadata"], "finalizers": []}}
    job.api.request("PUT", job.path, patch)


@pytest.mark.row(110)
def test_s14_a_recreated_job_is_left_alone(receiver: Receiver, make_job: JobMaker) -> None:
    first = make_job()
    target = first.target()
    first.api.request("DELETE", first.path)
    second = make_job()
    assert second.target() != target
    assert receiver.deliver(target).status == 200
    assert second.last_event is None


@pytest.mark.row(108)
def test_a_job_that_is_gone_needs_no_retry(receiver: Receiver, namespace: str) -> None:
    uid = "00000000-0000-4000-8000-000000000000"
    for place in (namespace, "no-such-namespace"):
        target = Target("geminibatchjobs", place, "gone", uid, ATTEMPT)
        assert receiver.deliver(target).status == 200


@pytest.mark.row(100)
def test_s14_one_job_cannot_be_written_without_end(receiver: Receiver, make_job: JobMaker) -> None:
    job, other = make_job("one"), make_job("two")
    target = job.target()
    answers = [receiver.deliver(target, event_id=f"msg_{number}") for number in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 6
    assert job.last_event["id"] == "msg_9"
    assert receiver.deliver(other.target()).status == 200


@pytest.mark.row(98)
def test_s17_a_token_of_one_job_opens_no_other(receiver: Receiver, make_job: JobMaker) -> None:
    one, two = make_job("one"), make_job("two")
    token = receiver.path(one.target()).rpartition("/")[2]
    path = receiver.path(two.target()).rpartition("/")[0]
    body = encoded(envelope())
    assert receiver.post(f"{path}/{token}", body, Signer().headers(body)).status == 404
    assert two.last_event is None
    assert receiver.road.requests == 0


@pytest.fixture
def refusing_policy(control_plane: ControlPlane, namespace: str) -> Iterator[None]:
    """Refuses every event in the namespace of the test, as a faulty installation would."""
    rule = {
        "apiGroups": ["gemini-operator.io"],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["geminibatchjobs/status"],
    }
    policy = {
        "metadata": {"name": namespace},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "!has(object.status.lastEvent)", "message": "no"}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "metadata": {"name": namespace},
        "spec": {
            "policyName": namespace,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    kinds = {"validatingadmissionpolicies": policy, "validatingadmissionpolicybindings": binding}
    for kind, body in kinds.items():
        control_plane.api.request("POST", f"{ADMISSION}/{kind}", body)
    yield
    for kind in reversed(kinds):
        control_plane.api.request("DELETE", f"{ADMISSION}/{kind}/{namespace}")


@pytest.mark.row(107)
@pytest.mark.usefixtures("refusing_policy")
def test_s13_an_admission_refusal_is_kept_for_later_and_raises_an_alert(
    receiver: Receiver, make_job: JobMaker
) -> None:
    names = iter(range(1000))

    def denied() -> bool:
        """Each try has a job of its own, as the API server takes a moment to load a policy."""
        return receiver.deliver(make_job(f"job-{next(names)}").target()).status == 503

    eventually(denied, timeout=30, interval=0.2, what="the policy to take effect")
    assert receiver.metric(requests("denied")) == 1
    assert receiver.metric('gemini_operator_receiver_refused_writes_total{result="denied"}') == 1
    (line,) = receiver.logged("error")
    assert "admission" in line["event"]
    assert line["reason"] == "Invalid"


@pytest.mark.row(106)
def test_without_the_right_to_patch_nothing_is_acknowledged(
    make_receiver: ReceiverMaker, job: Job
) -> None:
    receiver = make_receiver(rules=[{**receiver_rules()[0], "verbs": ["get"]}])
    receiver.start()
    answer = receiver.deliver(job.target())
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert receiver.metric('gemini_operator_receiver_refused_writes_total{result="forbidden"}') == 1
    (line,) = receiver.logged("error")
    assert "RBAC" in line["event"]
    assert job.last_event is None


@pytest.mark.row(106)
def test_with_a_token_that_is_not_accepted_nothing_is_acknowledged(
    make_receiver: ReceiverMaker, service_account_kubeconfig: KubeconfigFor, job: Job
) -> None:
    kubeconfig: Path = service_account_kubeconfig(receiver_rules(), cluster_wide=False)
    content = yaml.safe_load(kubeconfig.read_text())
    content["users"][0]["user"]["token"] = "not-a-token"
    kubeconfig.write_text(yaml.safe_dump(content))
    receiver = make_receiver(kubeconfig=kubeconfig)
    receiver.start()
    assert receiver.deliver(job.target()).status == 503
    assert receiver.metric(requests("forbidden")) == 1


@pytest.mark.row(105)
@pytest.mark.parametrize("conflicts", [1, 2])
def test_a_conflict_is_tried_again(receiver: Receiver, job: Job, conflicts: int) -> None:
    receiver.road.faults += [Fault(409)] * conflicts
    assert receiver.deliver(job.target()).status == 200
    assert job.last_event == EVENT
    assert receiver.road.requests == conflicts + 1


@pytest.mark.row(103, 104, 105)
@pytest.mark.parametrize(
    ("faults", "retry_after", "result"),
    [
        ([Fault(409)] * 3, "5", "conflict"),
        ([Fault(429, {"Retry-After": "17"})], "17", "throttled"),
        ([Fault(500)], "5", "unavailable"),
        ([Fault(503, {"Retry-After": "3"})], "3", "unavailable"),
        ([Fault(404)], "5", "not_served"),
        ([Fault(0)], "5", "unavailable"),
    ],
    ids=["conflicts", "throttled", "error", "unavailable", "no such kind", "broken"],
)
def test_what_the_api_server_cannot_take_now_is_asked_for_again(
    receiver: Receiver, job: Job, faults: list[Fault], retry_after: str, result: str
) -> None:
    receiver.road.faults += faults
    target = job.target()
    answer = receiver.deliver(target)
    assert (answer.status, answer.body) == (503, b"Service Unavailable\n")
    assert answer.headers["retry-after"] == retry_after
    assert receiver.metric(requests(result)) == 1
    assert job.last_event is None
    assert receiver.deliver(target).status == 200
    assert job.last_event == EVENT


@pytest.mark.row(103)
def test_an_api_server_that_hangs_is_given_up_within_the_deadline(
    receiver: Receiver, job: Job
) -> None:
    fault = receiver.road.hold()
    assert fault.release is not None
    target = job.target()
    started = time.monotonic()
    assert receiver.deliver(target).status == 503
    assert time.monotonic() - started < 6
    fault.release.set()
    assert receiver.deliver(target).status == 200
