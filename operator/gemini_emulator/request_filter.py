"""Counts, logs and injects faults into every request of the Gemini API."""

import asyncio
import json
import logging
from collections import Counter
from pathlib import Path

from aiohttp import web

from gemini_emulator.errors import STATUS_NAMES, ApiError, invalid_argument
from gemini_emulator.faults import Fault, Faults
from gemini_emulator.routes import ApiRoute, DownloadResponse, RouteHandler

MAX_BODY_BYTES = 20 * 2**20
"""Limit of a request without file content (https://ai.google.dev/gemini-api/docs/batch-api)."""

_STREAMED = "files.uploadChunk"
_MAX_TRUNCATED_BYTES = 2**20
_log = logging.getLogger(__name__)


class RequestCounters:
    """Counts requests by route, across restarts.

    Each request appends a line to a file, so a killed process loses none.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log = path.open("ab+", buffering=0)
        self._log.seek(0)
        self._counts = Counter(line.decode().strip() for line in self._log)

    def count(self, route: str) -> None:
        self._counts[route] += 1
        self._log.write(f"{route}\n".encode())

    def snapshot(self) -> dict[str, int]:
        return dict(sorted(self._counts.items()))

    def clear(self) -> None:
        self._counts.clear()
        self._log.truncate(0)

    def close(self) -> None:
        self._log.close()


class ConnectionDropped(Exception):
    """A fault drops the connection: the request gets no response."""


class RequestFilter:
    """Wraps each route's handler to count requests, apply faults and render errors."""

    def __init__(self, faults: Faults, counters: RequestCounters) -> None:
        self._faults = faults
        self._counters = counters

    def wrap(self, route: ApiRoute) -> RouteHandler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._counters.count(route.name)
            try:
                response = await self._serve(route, request)
            except ConnectionDropped:
                _log.info("%s: connection dropped by a fault", route.name)
                return _drop(request)
            _log.info("%s: %d", route.name, response.status)
            return response

        return handle

    async def _serve(self, route: ApiRoute, request: web.Request) -> web.StreamResponse:
        fault = self._faults.take(route.name)
        if fault and fault.when == "before":
            if route.name != _STREAMED:
                await request.read()
            early = await self._apply_fault(fault, route, request, None)
            if early is not None:
                return early
        response = await _handle(route, request)
        if fault and fault.when == "after":
            return await self._apply_fault(fault, route, request, response) or response
        return response

    async def _apply_fault(
        self,
        fault: Fault,
        route: ApiRoute,
        request: web.Request,
        response: web.StreamResponse | None,
    ) -> web.StreamResponse | None:
        """Apply the fault; return a response that replaces the handler's, or None to continue."""
        match fault.action:
            case "status":
                return _fault_response(fault)
            case "delay":
                await asyncio.sleep(fault.delay)
            case "hold" if not await self._faults.hold(route.name, fault.when):
                raise ConnectionDropped
            case "drop":
                raise ConnectionDropped
            case "truncate" if response is not None:
                return await _truncate(request, response)
        return None


def error_response(error: ApiError) -> web.Response:
    return web.json_response(error.body(), status=error.code)


async def _handle(route: ApiRoute, request: web.Request) -> web.StreamResponse:
    try:
        return await route.handler(request)
    except ApiError as error:
        return error_response(error)
    except web.HTTPRequestEntityTooLarge:
        return error_response(
            invalid_argument(f"Request payload size exceeds the limit: {MAX_BODY_BYTES} bytes.")
        )


def _fault_response(fault: Fault) -> web.Response:
    """Return the fault's status and body; without a body, an error in Google's format."""
    if isinstance(fault.body, str):
        return web.Response(
            status=fault.status, text=fault.body, content_type="text/html", headers=fault.headers
        )
    name = STATUS_NAMES.get(fault.status, "UNKNOWN")
    body = fault.body
    if body is None:
        body = ApiError(fault.status, f"{name}: a test asked for this answer.").body()
    return web.json_response(body, status=fault.status, headers=fault.headers)


def _drop(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _truncate(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Announce the whole body, send half of it and close the connection."""
    whole = response.content if isinstance(response, DownloadResponse) else _body(response)
    size = whole.stat().st_size if isinstance(whole, Path) else len(whole)
    short = web.StreamResponse(status=response.status, headers=response.headers)
    short.content_length = size
    await short.prepare(request)
    await short.write(await asyncio.to_thread(_first_bytes, whole, size // 2))
    if request.transport is not None:
        request.transport.close()
    return short


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else b""
    return body if isinstance(body, bytes) else json.dumps({}).encode()


def _first_bytes(whole: Path | bytes, size: int) -> bytes:
    if isinstance(whole, bytes):
        return whole[:size]
    with whole.open("rb") as file:
        return file.read(min(size, _MAX_TRUNCATED_BYTES))
