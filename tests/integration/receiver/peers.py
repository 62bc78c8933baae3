"""What stands around a receiver: Google's keys, and a road to the real API server with faults."""

import http.client
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.deliveries import Signer, TokenSigner, jwks

HOST = "127.0.0.1"
DEADLINE = 30.0


class Peer:
    """A small HTTP server in threads of its own; subclasses say how to answer."""

    def __init__(self) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.answer(self)

            def do_PATCH(self) -> None:
                peer.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        # A client that went away is no news.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


class KeyPublisher(Peer):
    """Publishes the public keys of `signers`; fails while there are none, or redirects."""

    def __init__(self, *signers: Signer | TokenSigner) -> None:
        super().__init__()
        self.signers = signers
        self.moved_to = ""
        self.fetches = 0

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.fetches += 1
        if self.moved_to:
            send(request, 302, b"", {"Location": self.moved_to})
        elif self.signers:
            send(request, 200, jwks(*self.signers))
        else:
            send(request, 503, b"")


@dataclass
class Fault:
    """What happens to one request instead of (or, for a hold, before) reaching the API server."""

    status: int = 0
    """The answer's status; 0 breaks the connection."""
    headers: dict[str, str] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event | None = None
    """Set: the request waits for it and then goes on to the API server."""
    answer_only: bool = False
    """The request reaches the API server at once, and its answer waits."""


class ApiRoad(Peer):
    """Passes requests on to the real API server, but for the faults that are next in line."""

    def __init__(self, server: str, authority: Path) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self.requests = 0
        self._server_address = urlsplit(server)
        self._context = ssl.create_default_context(cafile=str(authority))

    def hold(self, *, answer_only: bool = False) -> Fault:
        """Let the next request, or its answer only, wait until `release` is set."""
        fault = Fault(release=threading.Event(), answer_only=answer_only)
        self.faults.append(fault)
        return fault

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        body = request.rfile.read(int(request.headers.get("Content-Length", "0")))
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and fault.release is None:
            self._fail(request, fault)
            return
        if fault is not None and not fault.answer_only:
            self._wait(fault)
        status, answer = self._pass_on(request, body)
        if fault is not None and fault.answer_only:
            self._wait(fault)
        send(request, status, answer, {"Content-Type": "application/json"})

    def _wait(self, fault: Fault) -> None:
        fault.held.set()
        if fault.release is not None:
            fault.release.wait(DEADLINE)

    def _fail(self, request: BaseHTTPRequestHandler, fault: Fault) -> None:
        if fault.status:
            send(request, fault.status, b"{}", fault.headers)
        else:
            request.close_connection = True
            request.connection.close()

    def _pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection(
            str(self._server_address.hostname),
            self._server_address.port,
            context=self._context,
            timeout=DEADLINE,
        )
        kept = {"authorization", "accept", "content-type", "user-agent"}
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        try:
            connection.request(request.command, request.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
