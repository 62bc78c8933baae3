"""A connection pool that may be closed while it is still in use."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2


class Pool:
    """Opens its connections on first use and, once retired, closes them whenever it is idle.

    A client that was dropped from the cache may still be held by a pass: its requests finish, and
    late ones still work.
    """

    def __init__(self, connect: Callable[[], httpx2.AsyncBaseTransport]) -> None:
        self._connect = connect
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._users = 0
        self._retired = False

    @property
    def open(self) -> bool:
        """Whether connections are held."""
        return self._transport is not None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[httpx2.AsyncBaseTransport]:
        """Hold the pool open for one request."""
        if self._transport is None:
            self._transport = self._connect()
        self._users += 1
        try:
            yield self._transport
        finally:
            self._users -= 1
            await self._close_if_done()

    async def retire(self) -> None:
        """Close as soon as nothing is in flight."""
        self._retired = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._retired and not self._users and self._transport is not None:
            transport, self._transport = self._transport, None
            await transport.aclose()
