"""A reverse proxy between one process and one of its peers, which knows where every call is.

It speaks plain HTTP to the process and what the peer speaks to the peer, passes on headers and
bodies as they are, and streams answers, so that watches work.
"""

import asyncio
import io
import ssl
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.crash.background import Background
from tests.crash.calls import Call
from tests.crash.journal import Journal, Moment, NthCall, Struck

HOST = "127.0.0.1"
_LARGEST = 32 * 2**20
"""Bytes of a request."""
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
# What aiohttp would add to a request by itself.
_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

Headers = list[tuple[str, str]]
Naming = Callable[[str, str, bytes], Call | None]


class Proxy:
    """
    Listens from `start` to `stop`, and on the same port after every further start.

    Args:
        upstream: the peer's URL.
        naming: what a request (method, path, body) is called; None for no step.
        journal: is told of every call.
        background: where it runs; one for all that share the journal.
        context: checks the peer's certificate.
    """

    def __init__(
        self,
        upstream: str,
        naming: Naming,
        journal: Journal,
        background: Background,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._upstream = URL(upstream)
        self._naming = naming
        self._journal = journal
        self._background = background
        self._context = context
        self._port = 0
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen."""
        self._background.run(self._start())

    def stop(self) -> None:
        """Break every connection and refuse further ones: the peer is away."""
        self._background.run(self._stop())

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self._context or True),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_ADDED,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        # A watch ends with its client.
        server = web.Server(self._serve, request_factory=self._request, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = site.port

    @staticmethod
    def _request(
        message: Any, payload: Any, protocol: Any, writer: Any, task: Any
    ) -> web.BaseRequest:
        """As aiohttp does it, but with larger bodies."""
        loop = asyncio.get_running_loop()
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=_LARGEST
        )

    async def _stop(self) -> None:
        session, runner = self._session, self._runner
        self._session = self._runner = None
        if session is not None and runner is not None:
            await session.close()
            await runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await request.read()
            call = self._naming(request.method, request.rel_url.path, body)
            if call is None:
                return await self._pass_on(request, body)
            return await self._called(request, body, call)
        except (Struck, aiohttp.ClientError, OSError):
            return _broken(request)

    async def _called(
        self, request: web.BaseRequest, body: bytes, call: Call
    ) -> web.StreamResponse:
        nth_call = self._journal.enter(call.name, call.subject)
        try:
            await self._journal.reach(nth_call, Moment.BEFORE)
            # What was sent is carried out, whatever becomes of its sender.
            work = asyncio.create_task(self._carried_out(request, body, nth_call))
            answer = await asyncio.shield(work)
            await answer.prepare(request)
            await answer.write_eof()
            await self._journal.reach(nth_call, Moment.ANSWERED)
            return answer
        finally:
            self._journal.leave(nth_call)

    async def _carried_out(
        self, request: web.BaseRequest, body: bytes, nth_call: NthCall | None
    ) -> web.Response:
        async with self._ask(request, body) as answer:
            content = await answer.read()
        await self._journal.reach(nth_call, Moment.SENT)
        # It has arrived. A process that is stopped may not take a large answer.
        self._journal.leave(nth_call)
        headers = _kept(answer.headers.items())
        if request.method == "HEAD":
            headers.append(("Content-Length", answer.headers.get("Content-Length", "0")))
        return web.Response(status=answer.status, headers=headers, body=content)

    async def _pass_on(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        async with self._ask(request, body) as answer:
            headers = _kept(answer.headers.items())
            response = web.StreamResponse(status=answer.status, headers=headers)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    def _ask(
        self, request: web.BaseRequest, body: bytes
    ) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise ConnectionResetError
        return self._session.request(
            request.method,
            self._upstream.join(URL(request.raw_path, encoded=True)),
            headers=_kept(request.headers.items()),
            # aiohttp warns of a large body that is given as bytes.
            data=io.BytesIO(body) if body else None,
            allow_redirects=False,
        )


def _kept(headers: Iterable[tuple[str, str]]) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _broken(request: web.BaseRequest) -> web.Response:
    """No answer: the connection ends."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
