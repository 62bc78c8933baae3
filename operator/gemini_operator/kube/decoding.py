"""The API server's JSON as Python reads it: what strangers nest too deep is cut off first.

An object that the API server has accepted must not end the list or the watch that it comes in.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from gemini_operator.base import nesting
from gemini_operator.base.nesting import Undecodable

LEVELS = 100
"""Of objects and lists in one answer. More than a request may have in its job in its list, so that
a request that was cut still shows that it is too deep."""

LINE_LEVELS = 7
LIST_LEVELS = 8
"""Of a watch's line, and of a page of a list: down to the members of each inline request. What is
in them is looked at when it is sent; 1.4 MB of it can be 30 MB as Python's objects. Of what is left
out the size is kept."""

# Whoever watches lists anew after this. An etcd that is overloaded, or a connection that was cut,
# is a reason for that too, and none to end.
_EXPIRED = b'{"type":"ERROR","object":{"code":410}}'


def parse(body: bytes, levels: int = LEVELS) -> dict[str, Any]:
    """Read one JSON object without what is below so many levels (`nesting.cut`).

    Raises:
        Undecodable: no JSON, not UTF-8, or not an object.
    """
    try:
        answer = json.loads(nesting.cut(body, levels).decode())
    except (ValueError, RecursionError):
        raise Undecodable("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise Undecodable("the answer is not a JSON object")
    return answer


class BoundedResponse(aiohttp.ClientResponse):
    """An answer whose JSON is bounded in depth, read as a whole or line by line as a watch is.

    For a client that parses by itself; `aiohttp.ClientSession(response_class=BoundedResponse)`.
    """

    async def start(self, connection: Any) -> "BoundedResponse":
        await super().start(connection)
        self.content = _BoundedLines(self.content)  # type: ignore[assignment] # it stands in for it
        return self

    async def json(self, **_: Any) -> Any:
        """The whole answer.

        Raises:
            json.JSONDecodeError: it is an error without a Status, a proxy's for example.
            aiohttp.ClientPayloadError: it is a broken answer; asking again may help.
        """
        body = await self.read()
        try:
            return parse(body, LIST_LEVELS)
        except Undecodable as error:
            if self.status >= 400:
                raise json.JSONDecodeError(str(error), "", 0) from None
            raise aiohttp.ClientPayloadError(str(error)) from None


class _BoundedLines:
    """A stream whose `iter_chunked` gives whole lines; all else is the stream's own.

    Half a line at the end is left out: whoever watches asks again from the last whole one.
    """

    def __init__(self, stream: aiohttp.StreamReader) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        rest: list[bytes] = []
        async for chunk in self._stream.iter_chunked(size):
            *lines, last = chunk.split(b"\n")
            for line in lines:
                yield _bounded(b"".join((*rest, line))) + b"\n"
                rest = []
            rest.append(last)


def _bounded(line: bytes) -> bytes:
    """A watch's line, or the end of the watch where whoever parses it would end with it."""
    shallow = nesting.cut(line, LINE_LEVELS)
    try:
        event = json.loads(shallow or b"{}")
        told = not shallow or (event["type"] != "ERROR" and event["object"] is not None)
    except (ValueError, TypeError, KeyError):
        told = False
    return shallow if told else _EXPIRED
