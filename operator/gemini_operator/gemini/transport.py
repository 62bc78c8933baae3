"""The HTTP transport to Google: checks every request, and limits every answer.

The SDK and our own requests both use it. So neither can send the API key to another host (S21), or
read more than the limit into memory (S22).
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
"""Bytes of an answer other than 200; the rest is cut off, as status and beginning are enough."""

ANSWER_LIMIT = 2**20
"""Bytes of an ordinary answer."""

# Seconds. A create that finds no connection in this time was surely not sent, and is tried later.
CONNECT_TIMEOUT = 5.0
POOL_TIMEOUT = 5.0
# Seconds without a byte of an answer. One with results may take longer as a whole.
SILENCE_TIMEOUT = 45.0
_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})
# How the trace event of httpcore2 ends, for HTTP/1.1 and HTTP/2, before the first byte is written.
_GOES_OUT = ".send_request_headers.started"

Gate = tuple[Callable[[], bool], str]
"""A check before the first byte is sent, and the reason given if it returns False."""


@dataclass
class Exchange:
    """The terms of one request, and its answer.

    It is passed in a context variable, because the SDK has no argument for it, and keeps neither
    the bytes of an answer nor its headers.
    """

    limit: int | None = None
    """Bytes of a 200 answer, if the caller handles a larger one; `None` for `ANSWER_LIMIT`."""
    stream: bool = False
    """Whether a 200 answer is returned unread; its reader must limit it."""
    may_send: Callable[[], bool] | None = None
    """Called once the connection is open, before the first byte is sent."""
    started: bool = False
    """Whether a request reached the transport."""
    answer: Answer | None = None
    """Complete. The response that the caller gets is empty if the status is 200."""


_current: ContextVar[Exchange | None] = ContextVar("gemini_exchange", default=None)


@contextmanager
def on_terms(exchange: Exchange) -> Iterator[None]:
    """Apply `exchange` to the requests that this task makes in the block."""
    token = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(token)


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to one origin only, each at most once, and never follows a redirect.

    Raises, from `handle_async_request`:
        errors.Rejected: the request names another scheme, host or port; nothing was sent.
        errors.NotSent: the exchange's `may_send` returned False, or the transport's own for a
            request that may change something; nothing was sent.
        errors.TooLarge: a 200 answer exceeds the exchange's limit.
        errors.Unavailable: a 200 answer exceeds `ANSWER_LIMIT`.
        httpx2.TransportError, httpx2.DecodingError: the connection or the answer is broken.

    Args:
        allowed: scheme, host and port of the origin.
        pool: the connections.
        may_send: called before the first byte of every request that may change something.
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
        # A request outside of `on_terms`, such as one of the SDK's own, has the default terms.
        terms = _current.get()
        exchange = terms or Exchange()
        exchange.started = True
        _bound_waiting(request)
        gates = tuple(self._gates(request, exchange))
        if gates:
            request.extensions["trace"] = _asking(gates)
        # The stack outlives this method for a streamed answer, whose reader closes it.
        async with AsyncExitStack() as stack:
            transport = await stack.enter_async_context(self._pool.use())
            response = await transport.handle_async_request(request)
            stack.push_async_callback(response.aclose)
            _refuse_odd_encodings(response)
            if exchange.stream and response.status_code == 200:
                return _passed_on(response, stack.pop_all())
            body = await _read(response, exchange.limit)
        exchange.answer = Answer(response.status_code, response.headers, body)
        # Whoever set the terms reads `answer`. The SDK would parse the same bytes for nothing.
        if response.status_code == 200 and terms is not None:
            return httpx2.Response(200)
        headers = _own_headers(response.headers)
        return httpx2.Response(response.status_code, headers=headers, content=body)

    def _gates(self, request: httpx2.Request, exchange: Exchange) -> Iterator[Gate]:
        if exchange.may_send is not None:
            yield exchange.may_send, "its deadline had passed"
        if self._may_send is not None and request.method != "GET":
            yield self._may_send, "this process no longer holds the Lease"

    def _refuse_strangers(self, request: httpx2.Request) -> None:
        if origin(request.url) != self._allowed:
            scheme, host, port = self._allowed
            raise errors.Rejected(
                f"a request to another address than {scheme}://{host}:{port} was not sent; "
                "Google's answers must not lead elsewhere"
            )


def _bound_waiting(request: httpx2.Request) -> None:
    """Limit the time to get a connection and between bytes; the SDK sets one timeout for everything."""
    timeout = dict(request.extensions.get("timeout") or {})
    bounds = {"connect": CONNECT_TIMEOUT, "pool": POOL_TIMEOUT, "read": SILENCE_TIMEOUT}
    for name, most in bounds.items():
        asked = timeout.get(name)
        timeout[name] = most if asked is None else min(asked, most)
    request.extensions["timeout"] = timeout


def _asking(gates: Iterable[Gate]) -> Callable[[str, Any], Awaitable[None]]:
    """Return a trace hook that may stop a request just before it is written.

    A check before the call would be too early: the connection may take seconds, and the process may
    be suspended meanwhile.
    """

    async def hook(event: str, info: object) -> None:
        del info
        if not event.endswith(_GOES_OUT):
            return
        for may_send, otherwise in gates:
            if not may_send():
                raise errors.NotSent(f"the request was not sent: {otherwise}")

    return hook


def _refuse_odd_encodings(response: httpx2.Response) -> None:
    """Refuse encodings that are not inflated in bounded pieces, or that are nested."""
    if response.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        raise httpx2.DecodingError("an encoding that was not asked for")


async def _read(response: httpx2.Response, limit: int | None) -> bytes:
    """Read all of a 200 answer, up to its limit; the beginning of any other answer."""
    most = ERROR_LIMIT if response.status_code != 200 else limit or ANSWER_LIMIT
    # Counted after decompression: a small answer may inflate to any size.
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
    """Return the headers without those about the encoded body, redirects and cookies."""
    dropped = {"content-encoding", "content-length", "transfer-encoding", "location", "set-cookie"}
    return httpx2.Headers([(k, v) for k, v in headers.multi_items() if k.lower() not in dropped])


def _passed_on(response: httpx2.Response, held: AsyncExitStack) -> httpx2.Response:
    """Return the answer unread. Closing it releases the connection and the pool."""
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
