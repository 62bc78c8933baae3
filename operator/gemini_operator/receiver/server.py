"""The public port: aiohttp's low-level server, with responses and logs of the receiver's own.

aiohttp quotes a malformed request line or header in its response, and logs it with a traceback.
Both may contain the token of a callback address (S16).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from gemini_operator.base import logs, ports
from gemini_operator.receiver import access_log
from gemini_operator.receiver.responses import CallbackResponse, Result, http_response
from gemini_operator.receiver.settings import Limits

BACKLOG = 1024
"""Connections that wait to be accepted. If a flood fills it, a genuine sender's system tries again
after a second or more."""

_log = logs.get_logger(__name__)

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class CallbackConnection(web.RequestHandler):
    """One connection. Its protocol errors are answered and logged with constant text."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        # Both quote the request.
        del exc, message
        if request.writer.output_size > 0:
            raise ConnectionError("a response is already being sent")
        response = CallbackResponse(Result.MALFORMED if status == 400 else Result.INTERNAL)
        access_log.record(access_log.Entry(), response, 0.0)
        closing = http_response(response)
        closing.force_close()
        return closing

    def log_exception(self, *args: Any, **kw: Any) -> None:
        del args
        _log.error("a connection failed", error=type(kw.get("exc_info")).__name__)

    def log_debug(self, *args: Any, **kw: Any) -> None:
        """Log nothing, as these lines quote requests."""


class _Server(web.Server):
    def __init__(self, handler: Handler, limits: Limits) -> None:
        # A sender that disconnects must not interrupt a write that may be half done.
        super().__init__(handler, handler_cancellation=False)
        self._limits = limits

    def __call__(self) -> CallbackConnection:
        return CallbackConnection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # aiohttp itself passes None for no access log
            # The signature covers the raw body, and a compressed one may inflate to any size.
            auto_decompress=False,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.linger_seconds,
        )


class PublicServer:
    """Serves callbacks. `close` first finishes the requests that it has accepted.

    Args:
        handler: responds to one request; it is not cancelled when the client disconnects.
        host: address to listen on.
        port: TCP port. 0 takes a free one; `port` is its number after `start`.
        limits: times of connections.
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
        """Whether it accepts new connections."""
        return self._site is not None and not self._draining

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken; the message names the flag.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=BACKLOG)
        with ports.listening(self.host, self.port, host_flag="--host", port_flag="--port"):
            await site.start()
        self._site = site
        self.port = site.port

    async def close(self) -> None:
        """Refuse new connections, wait for accepted requests, then close every connection."""
        self._draining = True
        site, self._site = self._site, None
        if site is not None:
            await site.stop()
        try:
            async with asyncio.timeout(self._limits.drain_seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("requests were cut off at shutdown", requests=self._open)
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
        # Otherwise the connection would wait for another request, which nobody answers.
        if self._draining:
            response.force_close()
        return response
