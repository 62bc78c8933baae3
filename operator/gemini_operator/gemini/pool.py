"""A connection pool that closes itself once it is no longer used."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx2


class Pool:
    """Opens connections at first use; after `retire`, closes them whenever it is idle.

    A reconcile may still use a client that was dropped from the cache. Its requests finish, and
    late ones still work.

    Args:
        connect: opens the connections.
    """

    def __init__(self, connect: Callable[[], httpx2.AsyncBaseTransport]) -> None:
        self._connect = connect
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._users = 0
        self._retired = False

    @property
    def open(self) -> bool:
        """Whether there are open connections."""
        return self._transport is not None

    @asynccontextmanager
    async def use(self) -> AsyncIterator[httpx2.AsyncBaseTransport]:
        """Keep the pool open for one request."""
        if self._transport is None:
            self._transport = self._connect()
        self._users += 1
        try:
            yield self._transport
        finally:
            self._users -= 1
            await self._close_if_done()

    async def retire(self) -> None:
        """Close as soon as no request is under way."""
        self._retired = True
        await self._close_if_done()

    async def _close_if_done(self) -> None:
        if self._retired and not self._users and self._transport is not None:
            # Cleared before it is closed: a request meanwhile opens connections of its own.
            transport, self._transport = self._transport, None
            await transport.aclose()
