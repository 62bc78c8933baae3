"""The public port: aiohttp's low-level server without its words.

aiohttp repeats a malformed request line or header in its answer and logs it with a traceback; both
may hold the token of a callback address (S16).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gemini_operator.receiver import access, answers
from gemini_operator.receiver.answers import Answer, Result
from gemini_operator.receiver.limits import Limits
from gemini_operator.telemetry import logs

BACKLOG = 1024
"""Connections not yet accepted. Where a flood overflows it, a genuine sender waits a second or more
until its system tries again."""

_log = logs.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """One connection, whose mistakes are answered and logged in constant words."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        del exc, message
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is already on its way")
        answer = Answer(Result.MALFORMED if status == 400 else Result.INTERNAL)
        access.record(access.Entry(), answer, 0.0)
        response = answers.response(answer)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        del args
        _log.error("a connection failed", error=type(kw.get("exc_info")).__name__)

    def log_debug(self, *args: Any, **kw: Any) -> None:
        """Nothing: these lines quote requests."""


class _Server(web.Server):
    def __init__(self, handler: Handler, limits: Limits) -> None:
        super().__init__(handler, handler_cancellation=False)
        self._limits = limits

    def __call__(self) -> Connection:
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # None turns it off, says aiohttp's own code
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.linger_seconds,
        )


class PublicServer:
    """Listens, and on closing first finishes what it has accepted.

    Args:
        handler: answers one request; it is not cancelled when its client leaves.
        host: address to listen on.
        port: TCP port; 0 takes a free one, which `port` then tells.
    """

    def __init__(self, handler: Handler, *, host: str, port: int, limits: Limits) -> None:
        self.host = host
        self.port = port
        self._handler = handler
        self._limits = limits
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._draining = False
        self._runner = web.ServerRunner(
            _Server(self._counted, limits), shutdown_timeout=limits.linger_seconds
        )
        self._site: web.TCPSite | None = None

    @property
    def accepting(self) -> bool:
        """Whether new connections are welcome."""
        return self._site is not None and not self._draining

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=BACKLOG)
        await site.start()
        self._site = site
        self.port = site.port

    async def close(self) -> None:
        """Refuse new connections, wait for the requests in hand, then close the rest."""
        self._draining = True
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        try:
            async with asyncio.timeout(self._limits.drain_seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("requests were cut off at the end", requests=self._open)
        await self._runner.cleanup()

    async def _counted(self, request: web.BaseRequest) -> web.StreamResponse:
        self._open += 1
        self._idle.clear()
        try:
            response = await self._handler(request)
        finally:
            self._open -= 1
            if self._open == 0:
                self._idle.set()
        if self._draining:
            response.force_close()
        return response
