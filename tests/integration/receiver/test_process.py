"""The receiver's life: starting cold, rotating keys, losing its clients, and ending."""

import base64
import http.client
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlsplit

import pytest

from tests.callback_keys import KEY, OTHER_KEY
from tests.deliveries import Signer
from tests.integration.receiver.conftest import (
    BODY,
    DEADLINE,
    SIGNER,
    Job,
    JobMaker,
    Receiver,
    ReceiverMaker,
    in_background,
)
from tests.waiting import eventually

STRANGER = Signer(b"\x09" * 32)


def raw(receiver: Receiver, request: bytes) -> bytes:
    """Everything the receiver says to these bytes until it closes the connection."""
    url = urlsplit(receiver.process.url)
    with socket.create_connection((str(url.hostname), url.port), DEADLINE) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_health_and_metrics_have_a_port_of_their_own(receiver: Receiver, job: Job) -> None:
    assert receiver.get_metrics_port("/healthz").status == 200
    assert receiver.get_metrics_port("/readyz").status == 200
    assert receiver.deliver(job.target()).status == 200
    metrics = receiver.get_metrics_port("/metrics").body.decode()
    assert 'gemini_operator_callback_key_loaded{id="key-1"} 1.0' in metrics
    assert "gemini_operator_jwks_keys 1.0" in metrics
    assert job.namespace not in metrics
    for path in ("/healthz", "/readyz", "/metrics"):
        assert receiver.post(path, b"", {}).status == 404


def test_the_last_line_that_it_prints_is_the_address_of_the_callbacks(receiver: Receiver) -> None:
    printed = [line for line in receiver.process.text().splitlines() if " on http://" in line]
    assert [line.partition(" on ")[0] for line in printed[:2]] == ["metrics", "listening"]


@pytest.mark.row(30)
def test_a_client_that_leaves_does_not_undo_the_write(receiver: Receiver, job: Job) -> None:
    fault = receiver.road.hold()
    assert fault.release is not None
    url = urlsplit(receiver.process.url)
    head = [f"POST {receiver.path(job.target())} HTTP/1.1", "Host: x"]
    head += [f"{name}: {value}" for name, value in SIGNER.headers(BODY).items()]
    head += [f"Content-Length: {len(BODY)}", "", ""]
    with socket.create_connection((str(url.hostname), url.port), DEADLINE) as connection:
        connection.sendall("\r\n".join(head).encode() + BODY)
        assert fault.held.wait(DEADLINE)
    fault.release.set()
    eventually(lambda: job.last_event, what="the event to be recorded")


def test_s18_a_new_key_counts_without_a_restart_and_an_old_one_no_longer(
    receiver: Receiver, job: Job
) -> None:
    new = receiver.keys / "key-2"
    new.write_text(OTHER_KEY)
    path = receiver.path(job.target(), "key-2")

    def status_without_signature() -> int:
        """400 where the address is known, 404 where it isn't."""
        return receiver.post(path, BODY, {}).status

    eventually(lambda: status_without_signature() == 400, what="key-2 to be loaded")
    assert receiver.post(path, BODY, SIGNER.headers(BODY)).status == 200
    new.unlink()
    eventually(lambda: status_without_signature() == 404, what="key-2 to be gone")
    assert receiver.deliver(job.target()).status == 200


@pytest.mark.row(101)
@pytest.mark.parametrize(
    "request_line",
    [
        "POST {path}",
        "post {path} HTTP/1.1\r\nHost: x",
        "POST {path} HTTP/2.0\r\nHost: x",
        "POST {path} HTTP/1.1",
        "POST {path}/" + "a" * 9000 + " HTTP/1.1\r\nHost: x",
        "POST / HTTP/1.1\r\nHost: x\r\n{path}",
        "POST / HTTP/1.1\r\nHost: x\r\nX-A: {path}\x00",
        "POST /?{path} HTTP/1.1\r\nHost: x\r\nConnection: close",
        "POST http://x{path} HTTP/1.1\r\nHost: x\r\nConnection: close",
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close",
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close",
    ],
)
def test_s16_no_request_brings_its_token_into_the_log(
    receiver: Receiver, job: Job, request_line: str
) -> None:
    path = receiver.path(job.target())
    token = path.rpartition("/")[2]
    answer = raw(receiver, (request_line.format(path=path) + "\r\n\r\n").encode())
    assert answer.split()[1] in (b"400", b"404", b"405")
    assert token.encode() not in answer
    for delivered in (SIGNER, STRANGER):
        receiver.deliver(job.target(), signer=delivered)
    shown = receiver.process.text() + receiver.get_metrics_port("/metrics").body.decode()
    assert "request refused" in shown
    for secret in (token, path, KEY):
        coded = base64.b64encode(secret.encode()).decode().rstrip("=")
        for form in (secret, quote(secret, safe=""), coded):
            assert form not in shown
    assert "/v1/callbacks" not in shown
    assert "Traceback" not in shown


@pytest.mark.row(115, 121)
def test_without_googles_keys_deliveries_are_kept_for_later_and_strangers_stay_out(
    make_receiver: ReceiverMaker, make_job: JobMaker
) -> None:
    receiver, job = make_receiver(), make_job()
    receiver.publisher.signers = ()
    receiver.start()
    assert receiver.get_metrics_port("/readyz").status == 200
    first = receiver.deliver(job.target())
    assert (first.status, int(first.headers["retry-after"]) >= 1) == (503, True)
    receiver.publisher.signers = (STRANGER,)
    eventually(
        lambda: receiver.deliver(job.target()).status == 401,
        timeout=30,
        what="the wrong keys to be fetched",
    )
    blocked = receiver.deliver(job.target())
    assert (blocked.status, int(blocked.headers["retry-after"]) > 20) == (503, True)
    assert job.last_event is None
    assert receiver.deliver(job.target(), signer=STRANGER).status == 200
    assert job.last_event is not None


@pytest.mark.row(117)
def test_sigterm_finishes_what_was_accepted_and_refuses_the_rest(
    make_receiver: ReceiverMaker, make_job: JobMaker
) -> None:
    receiver, job = make_receiver(), make_job()
    receiver.start()
    fault = receiver.road.hold()
    assert fault.release is not None
    thread, answers = in_background(receiver, job)
    assert fault.held.wait(DEADLINE)
    receiver.process.send(signal.SIGTERM)
    eventually(
        lambda: receiver.get_metrics_port("/readyz").status == 503, what="the process to drain"
    )
    with pytest.raises(ConnectionRefusedError):
        receiver.post("/", b"", {})
    fault.release.set()
    thread.join(DEADLINE)
    assert answers == [200]
    assert receiver.process.wait() == 0
    assert job.last_event is not None


@pytest.mark.row(114)
def test_a_kill_in_the_middle_loses_no_event(
    make_receiver: ReceiverMaker, make_job: JobMaker
) -> None:
    receiver, job = make_receiver(), make_job()
    receiver.start()
    fault = receiver.road.hold()
    assert fault.release is not None
    thread, answers = in_background(receiver, job)
    assert fault.held.wait(DEADLINE)
    receiver.process.kill()
    thread.join(DEADLINE)
    assert isinstance(answers[0], http.client.HTTPException | OSError)
    receiver.start()
    assert receiver.deliver(job.target()).status == 200
    assert job.last_event["id"] == SIGNER.headers(b"")["webhook-id"]
    fault.release.set()


@pytest.mark.row(116)
def test_two_replicas_may_get_the_same_event_at_once(
    receiver: Receiver, make_receiver: ReceiverMaker, job: Job
) -> None:
    """They share the callback keys and nothing else."""
    other = make_receiver()
    other.start()
    path, headers = receiver.path(job.target()), SIGNER.headers(BODY)
    assert other.path(job.target()) == path
    with ThreadPoolExecutor() as pool:
        replicas = [receiver, other] * 3
        answers = list(pool.map(lambda each: each.post(path, BODY, headers), replicas))
    assert {answer.status for answer in answers} == {200}
    assert job.last_event["id"] == headers["webhook-id"]
