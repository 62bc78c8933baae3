"""The proxy stands at every moment of a call, and passes the rest on as it is."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.crash.background import Background
from tests.crash.calls import Call
from tests.crash.journal import Journal, Moment, NthCall, Trap
from tests.crash.proxy import Proxy
from tests.waiting import eventually

CREATE = NthCall("create", 1)


@dataclass
class Peer:
    """What it was asked; a GET is answered in two pieces, the second one when it is allowed."""

    asked: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    second: threading.Event = field(default_factory=threading.Event)


@dataclass
class Road:
    peer: Peer
    journal: Journal
    proxy: Proxy

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", urlsplit(self.proxy.url).port, timeout=10)

    def post(self) -> bytes:
        connection = self.connect()
        try:
            connection.request("POST", "/a%2Fb?c=d", b"body", {"X-Key": "k"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def set_trap(self, moment: Moment) -> None:
        self.journal.trap = Trap(CREATE, moment, lambda: None)


@pytest.fixture
def peer() -> Iterator[tuple[Peer, str]]:
    seen = Peer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.asked.append(("POST", self.path, body, self.headers["X-Key"]))
            self.send_response(201)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"done")

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5\r\nfirst\r\n")
            seen.second.wait(10)
            self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield seen, f"http://127.0.0.1:{server.server_port}"
    seen.second.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def road(peer: tuple[Peer, str]) -> Iterator[Road]:
    seen, url = peer
    journal = Journal()
    with ExitStack() as stack:
        background = stack.enter_context(Background())
        proxy = Proxy(url, _naming, journal, background)
        yield Road(seen, journal, stack.enter_context(proxy))


def _naming(method: str, path: str, body: bytes) -> Call | None:
    del path, body
    return Call("create") if method == "POST" else None


def test_a_call_is_passed_on_as_it_is_and_is_a_step(road: Road) -> None:
    assert road.post() == b"done"
    assert road.peer.asked == [("POST", "/a%2Fb?c=d", b"body", "k")]
    assert road.journal.calls == [CREATE]


@pytest.mark.parametrize(
    ("moment", "carried_out"), [(Moment.BEFORE, 0), (Moment.SENT, 1)], ids=["before", "sent"]
)
def test_who_is_killed_before_the_answer_never_gets_one(
    road: Road, moment: Moment, carried_out: int
) -> None:
    road.set_trap(moment)
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        road.post()
    assert len(road.peer.asked) == carried_out
    assert road.post() == b"done"


def test_who_is_killed_after_the_answer_has_it(road: Road) -> None:
    road.set_trap(Moment.ANSWERED)
    assert road.post() == b"done"
    eventually(lambda: road.journal.trap is not None and road.journal.trap.sprung)


def test_a_watch_is_streamed(road: Road) -> None:
    connection = road.connect()
    connection.request("GET", "/watch")
    answer = connection.getresponse()
    assert answer.read(5) == b"first"
    road.peer.second.set()
    assert answer.read() == b"second"
    connection.close()
    assert road.journal.calls == []


def test_while_it_is_stopped_nobody_listens_and_the_port_stays(road: Road) -> None:
    address = ("127.0.0.1", urlsplit(road.proxy.url).port)
    road.proxy.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=5)
    road.proxy.start()
    assert road.post() == b"done"
