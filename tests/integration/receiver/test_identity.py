"""Which job an event is for: replays, forged contents and other tenants, through a real process."""

import time
from typing import Any

import pytest

from gemini_operator.callbacks.address import Target
from tests.deliveries import Signer, TokenSigner, encoded, envelope
from tests.integration.receiver.conftest import (
    BODY,
    EVENT,
    RUNNING,
    SIGNER,
    Job,
    JobMaker,
    Receiver,
    ReceiverMaker,
    in_background,
    requests,
)
from tests.integration.receiver.peers import KeyPublisher
from tests.waiting import eventually

COMPLETED = "2026-11-03T10:00:00Z"


def complete(job: Job, state: str = "Succeeded") -> str:
    """End the job; return its version."""
    job.put_status({**job.read()["status"], "state": state, "completionTime": COMPLETED})
    return job.version


def about(**data: Any) -> bytes:
    return encoded(envelope(data={"id": "reviews-0123456789"} | data))


# Contents


@pytest.mark.row(85)
@pytest.mark.parametrize("changes", [{"version": "v2"}, {"unknown": {"deep": [1]}}, {"spec": {}}])
def test_members_that_nobody_knows_change_nothing(
    receiver: Receiver, job: Job, changes: dict[str, Any]
) -> None:
    assert receiver.deliver(job.target(), encoded(envelope(**changes))).status == 200
    assert job.read()["status"] == {**RUNNING, "lastEvent": EVENT}


@pytest.mark.row(86)
def test_texts_of_an_event_are_kept_nowhere(receiver: Receiver, job: Job) -> None:
    text = '\x1b[2J\n{"level": "error", "event": "forged"}\r' + "x" * 60_000
    assert receiver.deliver(job.target(), about(error_message=text)).status == 200
    assert job.read()["status"] == {**RUNNING, "lastEvent": EVENT}
    for piece in ("\x1b[2J", "forged", "xxx"):
        assert piece not in receiver.process.text()


@pytest.mark.row(87)
@pytest.mark.parametrize("scheme", ["http", "file", "gs"])
def test_nobody_fetches_what_an_event_points_to(receiver: Receiver, job: Job, scheme: str) -> None:
    with KeyPublisher(SIGNER) as elsewhere:
        pointed = elsewhere.url.replace("http", scheme) + "/output"
        assert receiver.deliver(job.target(), about(output_file_uri=pointed)).status == 200
        assert elsewhere.fetches == 0
    assert job.read()["status"] == {**RUNNING, "lastEvent": EVENT}


# Replays and order


@pytest.mark.row(90)
def test_a_redelivery_of_a_day_later_finds_the_job_ended(receiver: Receiver, job: Job) -> None:
    target, now = job.target(), int(time.time())
    assert receiver.deliver(target, timestamp=now - 200).status == 200
    version = complete(job)
    assert receiver.deliver(target, timestamp=now).status == 200
    assert job.version == version
    assert receiver.metric(requests("irrelevant")) == 1


@pytest.mark.row(42, 91)
def test_an_old_request_is_refused(receiver: Receiver, job: Job) -> None:
    old = int(time.time()) - 301
    assert receiver.deliver(job.target(), timestamp=old).status == 400
    assert job.last_event is None
    assert receiver.road.requests == 0


@pytest.mark.row(92)
def test_one_id_with_two_bodies_is_the_later_event(receiver: Receiver, job: Job) -> None:
    target = job.target()
    assert receiver.deliver(target, encoded(envelope(type="batch.failed"))).status == 200
    assert receiver.deliver(target).status == 200
    assert job.last_event == EVENT


@pytest.mark.row(93)
def test_one_event_with_two_ids_is_the_same_hint_twice(receiver: Receiver, job: Job) -> None:
    target = job.target()
    for event_id in ("msg_1", "msg_2"):
        assert receiver.deliver(target, event_id=event_id).status == 200
        assert job.read()["status"] == {**RUNNING, "lastEvent": {**EVENT, "id": event_id}}
    version = complete(job)
    assert receiver.deliver(target, event_id="msg_3").status == 200
    assert job.version == version


@pytest.mark.row(94)
@pytest.mark.parametrize(
    ("state", "later"), [("Succeeded", "batch.failed"), ("Failed", "batch.succeeded")]
)
def test_another_end_after_the_end_changes_nothing(
    receiver: Receiver, job: Job, state: str, later: str
) -> None:
    version = complete(job, state)
    assert receiver.deliver(job.target(), encoded(envelope(type=later))).status == 200
    assert job.version == version


@pytest.mark.row(95)
def test_an_event_that_overtakes_the_batch_name_is_kept(receiver: Receiver, job: Job) -> None:
    assert "batchName" not in job.read()["status"]
    assert receiver.deliver(job.target()).status == 200
    assert job.last_event["remoteName"] == "batches/reviews-0123456789"


# Tenants


@pytest.mark.row(96)
@pytest.mark.parametrize("token", ["", "/" + "0" * 32, "/" + "a" * 31, "/" + "A" * 32])
def test_without_the_token_googles_signature_opens_nothing(
    receiver: Receiver, job: Job, token: str
) -> None:
    path = receiver.path(job.target()).rpartition("/")[0] + token
    body = encoded(envelope(user_metadata={"namespace": job.namespace, "name": job.name}))
    before = receiver.publisher.fetches
    answer = receiver.post(path, body, SIGNER.headers(body))
    assert (answer.status, answer.body) == (404, b"Not Found\n")
    assert (receiver.road.requests, receiver.publisher.fetches) == (0, before)
    assert job.last_event is None


@pytest.mark.row(97)
def test_with_a_leaked_address_a_strangers_event_is_a_hint_and_no_more(
    receiver: Receiver, make_job: JobMaker
) -> None:
    status = {**RUNNING, "batchName": "batches/mine"}
    job = make_job(status=status)
    assert receiver.deliver(job.target(), about(id="batches/of-a-stranger")).status == 200
    assert job.read()["status"] == {
        **status,
        "lastEvent": {**EVENT, "remoteName": "batches/of-a-stranger"},
    }


@pytest.mark.row(99)
def test_only_the_address_says_which_job_is_meant(receiver: Receiver, make_job: JobMaker) -> None:
    one, two = make_job("one"), make_job("two")
    metadata = {"namespace": two.namespace, "name": two.name, "uid": two.target().uid}
    body = encoded(envelope(user_metadata=metadata))
    assert receiver.deliver(one.target(), body).status == 200
    assert (one.last_event, two.last_event) == (EVENT, None)


@pytest.mark.row(111)
def test_a_namespace_that_is_ending_needs_no_events(
    receiver: Receiver, make_job: JobMaker, namespace: str
) -> None:
    job = make_job(finalizers=["example.com/keep"])
    target = job.target()
    job.api.request("DELETE", f"/api/v1/namespaces/{namespace}")
    eventually(
        lambda: "deletionTimestamp" in job.read()["metadata"],
        timeout=30,
        what="the namespace's jobs to be deleted",
    )
    version = job.version
    assert receiver.deliver(target).status == 200
    assert job.version == version
    found = job.read()
    job.api.request("PUT", job.path, {**found, "metadata": {**found["metadata"], "finalizers": []}})


# Ends of the process, and Google's keys


@pytest.mark.row(113)
def test_a_kill_between_the_write_and_its_answer_changes_nothing_twice(
    make_receiver: ReceiverMaker, make_job: JobMaker
) -> None:
    receiver, job = make_receiver(), make_job()
    receiver.start()
    fault = receiver.road.hold(answer_only=True)
    assert fault.release is not None
    thread, answers = in_background(receiver, job)
    eventually(fault.held.is_set, what="the write")
    receiver.process.kill()
    thread.join()
    fault.release.set()
    assert isinstance(answers[0], Exception)
    assert job.last_event == EVENT
    version = job.version
    receiver.start()
    assert receiver.deliver(job.target()).status == 200
    assert job.version == version


@pytest.mark.row(115)
def test_the_first_delivery_after_a_start_is_recorded(
    make_receiver: ReceiverMaker, job: Job
) -> None:
    receiver = make_receiver()
    receiver.start()
    assert receiver.deliver(job.target()).status == 200
    assert receiver.publisher.fetches == 1


@pytest.mark.row(119)
def test_fresh_keys_outlive_an_outage_of_their_publisher(receiver: Receiver, job: Job) -> None:
    target = job.target()
    assert receiver.deliver(target, event_id="msg_1").status == 200
    receiver.publisher.signers = ()
    before = receiver.publisher.fetches
    assert receiver.deliver(target, event_id="msg_2").status == 200
    assert receiver.publisher.fetches == before


@pytest.mark.row(125)
def test_s21_a_key_set_that_has_moved_is_not_followed(
    make_receiver: ReceiverMaker, job: Job
) -> None:
    receiver, stranger = make_receiver(), Signer(b"\x09" * 32)
    with KeyPublisher(stranger) as elsewhere:
        receiver.publisher.moved_to = f"{elsewhere.url}/jwks.json"
        receiver.start()
        answer = receiver.deliver(job.target(), signer=stranger)
        assert (answer.status, "retry-after" in answer.headers) == (503, True)
        assert elsewhere.fetches == 0
    assert receiver.road.requests == 0


# Tokens


@pytest.mark.row(76, 78)
def test_a_token_is_one_event_without_contents_however_it_is_written(
    make_receiver: ReceiverMaker, job: Job
) -> None:
    receiver, tokens = (
        make_receiver("--jwt-issuer", "google", "--jwt-audience", "me"),
        TokenSigner(),
    )
    receiver.publisher.signers = (Signer(), tokens)
    receiver.start()
    now = int(time.time())
    token = tokens.token({"iat": now, "exp": now + 300, "iss": "google", "aud": "me"})
    version = None
    for body, padding in ((BODY, ""), (about(id="batches/other"), ""), (BODY, "==")):
        assert with_token(receiver, job.target(), token + padding, body) == 200
        version = version or job.version
        assert job.version == version
    assert job.last_event.keys() == {"id", "attempt", "time"}


def with_token(receiver: Receiver, target: Target, token: str, body: bytes) -> int:
    headers = {**SIGNER.headers(body), "webhook-signature": token}
    return receiver.post(receiver.path(target), body, headers).status
