"""Attacks on HTTP itself, as raw bytes to a real process: the answer, and that it has no effect."""

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.integration.receiver.conftest import (
    BODY,
    DEADLINE,
    EVENT,
    RUNNING,
    SIGNER,
    Job,
    Receiver,
)

LIMIT = 64 * 1024
CHUNK = "1000\r\n" + "x" * 0x1000 + "\r\n"
CHUNKED = "POST {path} HTTP/1.1\r\nHost: x\r\n{signed}Transfer-Encoding: chunked\r\n\r\n"
BOMB = gzip.compress(b" " * 50_000_000)


def post(*lines: str, version: str = "HTTP/1.1", host: str = "Host: x") -> str:
    """A good delivery but for these header lines."""
    start = [f"POST {{path}} {version}", *filter(None, [host]), *lines]
    return "\r\n".join(start) + "\r\n{signed}Content-Length: {length}\r\n\r\n{body}"


def announced(length: int) -> str:
    return (
        f"POST {{path}} HTTP/1.1\r\nHost: x\r\n{{signed}}Content-Length: {length}\r\n\r\n0123456789"
    )


@contextmanager
def connected(receiver: Receiver) -> Iterator[socket.socket]:
    url = urlsplit(receiver.process.url)
    with socket.create_connection((str(url.hostname), url.port), DEADLINE) as connection:
        yield connection


def filled(template: str, path: str, body: bytes = BODY) -> bytes:
    signed = "".join(f"{name}: {value}\r\n" for name, value in SIGNER.headers(body).items())
    head, separator, rest = template.partition("{body}")
    fields = {"path": path, "signed": signed, "length": str(len(body))}
    for name, value in fields.items():
        head = head.replace("{" + name + "}", value)
    return head.encode() + (body if separator else b"") + rest.encode()


def answer(connection: socket.socket) -> int:
    """The status of the next answer; 0 if the connection is closed instead."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            return 0
        head += piece
    return int(head.split()[1])


def status_of(receiver: Receiver, request: bytes) -> int:
    with connected(receiver) as connection:
        connection.sendall(request)
        return answer(connection)


def assert_no_effect(receiver: Receiver, job: Job, fetches: int) -> None:
    assert job.read()["status"] == RUNNING
    assert receiver.road.requests == 0
    assert receiver.publisher.fetches == fetches


@pytest.mark.parametrize(
    ("status", "template"),
    [
        *(
            pytest.param(405, post().replace("POST", method, 1), marks=pytest.mark.row(1))
            for method in ("GET", "HEAD", "PUT", "OPTIONS", "TRACE", "DELETE", "PATCH")
        ),
        pytest.param(400, post().replace("POST", "post", 1), marks=pytest.mark.row(2)),
        pytest.param(413, announced(LIMIT + 1), marks=pytest.mark.row(9)),
        pytest.param(413, announced(10_000_000_000), marks=pytest.mark.row(10)),
        pytest.param(413, CHUNKED + CHUNK * 17, marks=pytest.mark.row(11)),
        *(
            pytest.param(415, post(f"Content-Encoding: {coding}"), marks=pytest.mark.row(14, 15))
            for coding in ("gzip", "deflate", "br", "x")
        ),
        pytest.param(400, post("Transfer-Encoding: chunked"), marks=pytest.mark.row(17)),
        *(
            pytest.param(400, post(line), marks=pytest.mark.row(18))
            for line in (
                "Content-Length: {length}",
                "Content-Length: 1",
                "Content-Length: +2",
                "Transfer-Encoding: xchunked",
                "Transfer-Encoding: chunked, identity",
            )
        ),
        *(
            pytest.param(400, post(line), marks=pytest.mark.row(19))
            for line in ("X-A : b", "X-A: b\r\n c", "X-A: b\nX-B: c", "X-A: \0")
        ),
        pytest.param(
            400, post("Upgrade: websocket", "Connection: Upgrade"), marks=pytest.mark.row(20)
        ),
        pytest.param(400, post("X-A: " + "a" * 9000), marks=pytest.mark.row(22)),
        pytest.param(
            400, post(*(f"X-{number}: 1" for number in range(200))), marks=pytest.mark.row(22)
        ),
        pytest.param(417, post("Expect: a-miracle"), marks=pytest.mark.row(27)),
        pytest.param(400, post(host=""), marks=pytest.mark.row(28)),
        pytest.param(400, post(version="HTTP/2.0"), marks=pytest.mark.row(28)),
        pytest.param(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", marks=pytest.mark.row(28)),
        pytest.param(400, "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", marks=pytest.mark.row(28)),
    ],
)
def test_an_attack_on_http_is_refused(
    receiver: Receiver, job: Job, status: int, template: str
) -> None:
    path, fetches = receiver.path(job.target()), receiver.publisher.fetches
    assert status_of(receiver, filled(template, path)) == status
    assert_no_effect(receiver, job, fetches)


@pytest.mark.row(12)
def test_a_gzip_bomb_is_refused_unread(receiver: Receiver, job: Job) -> None:
    path, fetches = receiver.path(job.target()), receiver.publisher.fetches
    bomb = filled(post("Content-Encoding: gzip"), path, BOMB)
    assert status_of(receiver, bomb[:-1]) == 415
    assert_no_effect(receiver, job, fetches)


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda _path, _space: "/v1/other", marks=pytest.mark.row(3)),
        pytest.param(lambda path, _space: path[:-32] + "0" * 32, marks=pytest.mark.row(3)),
        pytest.param(lambda path, _space: path + "/", marks=pytest.mark.row(4)),
        pytest.param(
            lambda path, space: path.replace(space, "/" + space), marks=pytest.mark.row(4)
        ),
        pytest.param(lambda path, space: path.replace(space, ".."), marks=pytest.mark.row(5)),
        pytest.param(lambda path, space: path.replace(space, "%2e%2e"), marks=pytest.mark.row(5)),
        *(
            pytest.param(
                lambda path, space, added=added: path.replace(space, space + added),
                marks=pytest.mark.row(7),
            )
            for added in ("%00", "%ff", "A", "%d0%b5", "a" * 254)
        ),
    ],
)
def test_another_form_of_an_address_is_unknown(
    receiver: Receiver, job: Job, spell: Callable[[str, str], str]
) -> None:
    path, fetches = receiver.path(job.target()), receiver.publisher.fetches
    assert status_of(receiver, filled(post(), spell(path, job.namespace))) == 404
    assert_no_effect(receiver, job, fetches)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(post().replace("{path}", "{path}?a=%61;b"), marks=pytest.mark.row(8)),
        pytest.param(post("Content-Encoding: identity"), marks=pytest.mark.row(16)),
        pytest.param(post(version="HTTP/1.0"), marks=pytest.mark.row(28)),
        pytest.param(post("Content-Type: text/html"), marks=pytest.mark.row(29)),
        pytest.param(post("Content-Type: ;;;"), marks=pytest.mark.row(29)),
        pytest.param(post(), marks=pytest.mark.row(29)),
    ],
)
def test_what_does_not_matter_is_let_through(receiver: Receiver, job: Job, template: str) -> None:
    assert status_of(receiver, filled(template, receiver.path(job.target()))) == 200
    assert job.last_event == EVENT


@pytest.mark.row(21)
def test_pipelined_deliveries_are_answered_in_order(receiver: Receiver, job: Job) -> None:
    good = filled(post(), receiver.path(job.target()))
    bad = good.replace(b"webhook-id", b"webhook-ix")
    with connected(receiver) as connection:
        connection.sendall(good + bad + good)
        received = b""
        while received.count(b"HTTP/1.1 ") < 3:
            received += connection.recv(65536)
    assert [piece[:3] for piece in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"400", b"200"]
    assert job.last_event == EVENT


@pytest.mark.row(27)
def test_who_waits_to_be_asked_for_the_body_is_asked(receiver: Receiver, job: Job) -> None:
    whole = filled(post("Expect: 100-continue"), receiver.path(job.target()))
    with connected(receiver) as connection:
        connection.sendall(whole[: -len(BODY)])
        assert answer(connection) == 100
        connection.sendall(BODY)
        assert answer(connection) == 200


@pytest.mark.row(30)
def test_who_leaves_in_the_middle_of_the_body_causes_nothing(receiver: Receiver, job: Job) -> None:
    path, fetches = receiver.path(job.target()), receiver.publisher.fetches
    with connected(receiver) as connection:
        connection.sendall(filled(post(), path)[:-5])
    assert receiver.deliver(job.target(), timestamp=1).status == 400
    assert_no_effect(receiver, job, fetches)


def trickled(receiver: Receiver, start: bytes, rest: bytes) -> tuple[int, float]:
    """Send two bytes a second after the start; return the answer and after how long it came."""
    began = time.monotonic()
    with connected(receiver) as connection:
        connection.sendall(start)
        connection.settimeout(0.5)
        for byte in rest:
            try:
                return answer(connection), time.monotonic() - began
            except TimeoutError:
                connection.sendall(bytes([byte]))
            except ConnectionResetError:
                return 0, time.monotonic() - began
    raise AssertionError("the receiver went on listening")


@pytest.mark.row(23, 24, 25)
def test_slow_and_idle_connections_end_at_their_deadlines(receiver: Receiver, job: Job) -> None:
    """All at once, as each takes five seconds."""
    path, fetches = receiver.path(job.target()), receiver.publisher.fetches
    whole = filled(post(), path)
    head = whole[: -len(BODY)]

    def idle() -> tuple[int, float]:
        with connected(receiver) as connection:
            connection.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(connection) == 405
            began = time.monotonic()
            return answer(connection), time.monotonic() - began

    with ThreadPoolExecutor() as pool:
        slow_body = pool.submit(trickled, receiver, head, BODY)
        slow_head = pool.submit(trickled, receiver, head[:20], head[20:])
        idling = pool.submit(idle)
        results = [task.result() for task in (slow_body, slow_head, idling)]
    assert [status for status, _ in results] == [408, 0, 0]
    assert all(seconds < 15 for _, seconds in results)
    assert_no_effect(receiver, job, fetches)
