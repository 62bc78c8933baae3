"""Parses the API server's JSON; what is nested too deep is cut off first (decision 0019).

Any user may create an object that Python cannot parse. It must not end the list or the watch that
it is in.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from gemini_operator.base import nesting
from gemini_operator.base.nesting import Undecodable

LEVELS = 100
"""Levels of objects and lists in one answer. They are more than a valid request has inside its job
and list, so that a request that was cut still shows that it is too deep."""

LINE_LEVELS = 7
LIST_LEVELS = 8
"""Levels of a line of a watch, and of a page of a list: down to the members of each inline request.
Their content is read when the job is sent; 1.4 MB of it can be 30 MB as Python objects. Its size is
kept."""

# Makes kopf list again. It stands for a line that is not JSON, because the connection was cut, and
# for any error of the API server: kopf would end with both.
_EXPIRED = b'{"type":"ERROR","object":{"code":410}}'


def parse(body: bytes, levels: int = LEVELS) -> dict[str, Any]:
    """Parse one JSON object, cut at `levels` levels (`nesting.cut`).

    Raises:
        Undecodable: it is not JSON in UTF-8, or not an object.
    """
    try:
        answer = json.loads(nesting.cut(body, levels).decode())
    except (ValueError, RecursionError):
        raise Undecodable("the answer is not JSON") from None
    if not isinstance(answer, dict):
        raise Undecodable("the answer is not a JSON object")
    return answer


class BoundedResponse(aiohttp.ClientResponse):
    """A response whose JSON is cut at a depth, both of a whole body and of each line of a watch.

    For kopf, which parses by itself and has no option for a parser. It is passed to the session:
    `aiohttp.ClientSession(response_class=BoundedResponse)`.
    """

    async def start(self, connection: Any) -> "BoundedResponse":
        await super().start(connection)
        self.content = _BoundedLines(self.content)  # type: ignore[assignment] # it stands in for it
        return self

    async def json(self, **_: Any) -> Any:
        """Parse the whole body.

        Raises:
            json.JSONDecodeError: the body of an error is not JSON, such as a proxy's.
            aiohttp.ClientPayloadError: the body of a success is not JSON; a retry may help.
        """
        body = await self.read()
        try:
            return parse(body, LIST_LEVELS)
        except Undecodable as error:
            if self.status >= 400:
                raise json.JSONDecodeError(str(error), "", 0) from None
            raise aiohttp.ClientPayloadError(str(error)) from None


class _BoundedLines:
    """A stream whose `iter_chunked` yields whole lines; all other attributes are the stream's.

    Half a line at the end is dropped: the next watch continues from the last whole one.
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
    """Return a line of the watch, cut in depth; `_EXPIRED` if kopf would end with it."""
    shallow = nesting.cut(line, LINE_LEVELS)
    try:
        event = json.loads(shallow or b"{}")
        told = not shallow or (event["type"] != "ERROR" and event["object"] is not None)
    except (ValueError, TypeError, KeyError):
        told = False
    return shallow if told else _EXPIRED
