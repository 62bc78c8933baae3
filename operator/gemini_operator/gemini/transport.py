"""The one way out to Google: guards every request and bounds every answer.

The SDK and our own requests share it, so neither can send the API key elsewhere (rule S21) or
read more than its limit into memory (rule S22).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx2

from gemini_operator.gemini import errors
from gemini_operator.gemini.classify import Answer
from gemini_operator.gemini.pool import Pool
from gemini_operator.gemini.settings import origin

ERROR_LIMIT = 64 * 2**10
"""Bytes of an answer other than 200; the rest is cut off, as the status says enough."""

ANSWER_LIMIT = 2**20
"""Bytes of an ordinary answer."""

CONNECT_TIMEOUT = 5.0
POOL_TIMEOUT = 5.0
_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
_GOES_OUT = ".send_request_headers.started"

Gate = tuple[Callable[[], bool], str]
"""A question asked before the first byte goes out, and what a no means."""


@dataclass
class Exchange:
    """The terms of one request, and what came of it.

    It travels beside the request in a context variable, because the SDK offers no way to hand it
    through and keeps neither the answer's bytes nor its headers.
    """

    limit: int | None = None
    """Bytes of a 200 answer whose size the caller cares for; None means an ordinary answer."""
    stream: bool = False
    """Whether a 200 answer is passed on unread; then its reader counts."""
    may_send: Callable[[], bool] | None = None
    """Asked when the connection stands, before the first byte goes out."""
    started: bool = False
    """Whether a request reached the transport."""
    answer: Answer | None = None


_current: ContextVar[Exchange | None] = ContextVar("gemini_exchange", default=None)


@contextmanager
def on_terms(exchange: Exchange) -> Iterator[None]:
    """Let the requests made in this block, in this task, go by `exchange`."""
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin only, each at most once, and never follows a redirect.

    Raises, from `handle_async_request`:
        errors.Rejected: the request names another scheme, host or port; nothing was sent.
        errors.NotSent: the exchange's `may_send` said no, or, of a request that may change
            something, the transport's own; nothing was sent.
        errors.TooLarge: a 200 answer exceeds the exchange's limit.
        errors.Unavailable: a 200 answer exceeds what is ordinary.
        httpx2.TransportError, httpx2.DecodingError: the connection or the answer is broken.
    """

    def __init__(
        self,
        allowed: tuple[str, str, int],
        pool: Pool,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self._allowed = allowed
        self._pool = pool
        self._may_send = may_send

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self._refuse_strangers(request)
        exchange = _current.get() or Exchange()
        exchange.started = True
        _bound_waiting(request)
        gates = tuple(self._gates(request, exchange))
        if gates:
            request.extensions["trace"] = _asking(gates)
        async with AsyncExitStack() as stack:
            transport = await stack.enter_async_context(self._pool.use())
            response = await transport.handle_async_request(request)
            stack.push_async_callback(response.aclose)
            _refuse_odd_encodings(response)
            if exchange.stream and response.status_code == 200:
                return _passed_on(response, stack.pop_all())
            body = await _read(response, exchange.limit)
        headers = _own_headers(response.headers)
        exchange.answer = Answer(response.status_code, headers, body)
        return httpx2.Response(response.status_code, headers=headers, content=body)

    def _gates(self, request: httpx2.Request, exchange: Exchange) -> Iterator[Gate]:
        if exchange.may_send is not None:
            yield exchange.may_send, "its time had passed"
        if self._may_send is not None and request.method != "GET":
            yield self._may_send, "this process may no longer act"

    def _refuse_strangers(self, request: httpx2.Request) -> None:
        if origin(request.url) != self._allowed:
            scheme, host, port = self._allowed
            raise errors.Rejected(
                f"a request to another address than {scheme}://{host}:{port} was not sent; "
                "Google's answers must not lead elsewhere"
            )


def _bound_waiting(request: httpx2.Request) -> None:
    """The SDK sets one timeout for all; none may be spent on waiting for a connection."""
    timeout = dict(request.extensions.get("timeout") or {})
    for name, most in (("connect", CONNECT_TIMEOUT), ("pool", POOL_TIMEOUT)):
        asked = timeout.get(name)
        timeout[name] = most if asked is None else min(asked, most)
    request.extensions["timeout"] = timeout


def _asking(gates: Iterable[Gate]) -> Callable[[str, Any], Awaitable[None]]:
    """A trace hook that stops the request when it is about to be written."""

    async def hook(event: str, info: object) -> None:
        del info
        if not event.endswith(_GOES_OUT):
            return
        for may_send, otherwise in gates:
            if not may_send():
                raise errors.NotSent(f"the request was not sent: {otherwise}")

    return hook


def _refuse_odd_encodings(response: httpx2.Response) -> None:
    """Decode only what is inflated in bounded pieces, and only once."""
    if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        raise httpx2.DecodingError("an encoding that was not asked for")


async def _read(response: httpx2.Response, limit: int | None) -> bytes:
    """All of a 200 answer or an error; the beginning of any other."""
    most = ERROR_LIMIT if response.status_code != 200 else limit or ANSWER_LIMIT
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most and response.status_code != 200:
            return bytes(body[:most])
        if len(body) > most:
            kind = errors.TooLarge if limit else errors.Unavailable
            raise kind(f"Google's answer is larger than {most} bytes", status=200)
    return bytes(body)


def _own_headers(headers: httpx2.Headers) -> httpx2.Headers:
    """Without what spoke of the body on the wire, and without what a redirect needs."""
    dropped = {"content-encoding", "content-length", "transfer-encoding", "location", "set-cookie"}
    return httpx2.Headers([(k, v) for k, v in headers.multi_items() if k.lower() not in dropped])


def _passed_on(response: httpx2.Response, held: AsyncExitStack) -> httpx2.Response:
    """The answer unread; closing it releases the connection and the pool."""
    return httpx2.Response(
        response.status_code, headers=response.headers, stream=_Held(response, held)
    )


class _Held(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, held: AsyncExitStack) -> None:
        self._response = response
        self._held = held

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            yield chunk

    async def aclose(self) -> None:
        await self._held.aclose()
