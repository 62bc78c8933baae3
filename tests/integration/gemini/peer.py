"""A real HTTP server on loopback that answers as a test tells it: Google on its worst days."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Peer:
    """Answers in turn with what was queued, then with `{}`; keeps every request."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Seen] = []
        self.answers: list[Handler] = []

    def then(self, *answers: Handler) -> None:
        self.answers.extend(answers)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = request._message.path
        # Any size, as for chunks of an upload.
        request._client_max_size = 0
        body = await request.read()
        self.seen.append(Seen(request.method, target, list(request.headers.items()), body))
        answer = self.answers.pop(0) if self.answers else says({})
        return await answer(request)


@asynccontextmanager
async def serving() -> AsyncIterator[Peer]:
    peer = Peer("")
    runner = web.ServerRunner(web.Server(peer.handle, access_log=None), shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        peer.url = f"http://{host}:{port}"
        yield peer
    finally:
        await runner.cleanup()


def says(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    """JSON."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.json_response(body, status=status, headers=headers)

    return answer


def refuses(
    status: int,
    word: str = "",
    message: str = "no",
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> Handler:
    """Google's error body."""
    error = {"code": status, "message": message, "status": word, "details": details or []}
    return says({"error": error}, status, headers)


def sends(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    """Bytes as they are."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.Response(body=body, status=status, headers=headers)

    return answer


def inflates(size: int, status: int = 200) -> Handler:
    """`size` blanks and `{}`, compressed to a thousandth."""
    return sends(_compressed(size), status, {"Content-Encoding": "gzip"})


@cache
def _compressed(size: int) -> bytes:
    return gzip.compress(b" " * size + b"{}")


def redirects(status: int, location: str) -> Handler:
    return says({}, status, {"Location": location})


async def drops(request: web.BaseRequest) -> web.StreamResponse:
    """The connection ends where the answer should begin."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def breaks_off(body: bytes, promised: int, headers: dict[str, str] | None = None) -> Handler:
    """The connection ends before the promised length is reached."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        response.content_length = promised
        await response.prepare(request)
        await response.write(body)
        assert request.transport is not None
        request.transport.close()
        return response

    return answer


def trickles(interval: float) -> Handler:
    """One blank after the other, until the client has had enough."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport is not None and not request.transport.is_closing():
            await response.write(b" ")
            await asyncio.sleep(interval)
        return response

    return answer


async def hangs(request: web.BaseRequest) -> web.StreamResponse:
    """No answer until the client leaves."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 -- aiohttp has no event for it
        await asyncio.sleep(0.01)
    return web.Response()
