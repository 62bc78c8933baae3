"""Room for the requests that Google is not yet known to have signed.

Such a request costs a stranger one connection and the address of a job that may have ended long
ago. So there is always room for the next one: where a limit is reached, the oldest request has to
go. The body of a genuine delivery comes with its head or right behind it, so it is never the oldest
for long, and a limit for each peer is safe even where every peer is the same load balancer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from gemini_operator.receiver.answers import Refused, Result
from gemini_operator.receiver.limits import Limits

_Key = tuple[str, Hashable]
_ALL: _Key = ("all", None)


@dataclass(slots=True, eq=False)
class _Request:
    limits: Mapping[_Key, int]
    """What the request counts under, and how many may."""
    evict: Callable[[], None]


class Unverified:
    """The unverified requests in hand, oldest first: by address, by peer and all together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: dict[_Key, dict[_Request, None]] = {}

    def __len__(self) -> int:
        return len(self._requests.get(_ALL, ()))

    @asynccontextmanager
    async def hold(self, address: Hashable, peer: Hashable) -> AsyncIterator[None]:
        """Count as unverified during the block.

        Raises:
            Refused: a newer request needed the room; the block was cancelled where it waited.
        """
        evicted = False

        def evict() -> None:
            nonlocal evicted
            evicted = True
            deadline.reschedule(asyncio.get_running_loop().time())

        try:
            async with asyncio.timeout(None) as deadline:
                with self.entered(address, peer, evict):
                    yield
        except TimeoutError:
            if not evicted:
                raise
            raise Refused(Result.EVICTED) from None

    @contextmanager
    def entered(
        self, address: Hashable, peer: Hashable, evict: Callable[[], None]
    ) -> Iterator[None]:
        """As `hold`, but it is `evict` that ends the block; it is called once at most."""
        limits = {
            ("address", address): self._limits.unverified_per_address,
            ("peer", peer): self._limits.unverified_per_peer,
            _ALL: self._limits.unverified,
        }
        request = _Request(limits, evict)
        self._make_room(request)
        for key in limits:
            self._requests.setdefault(key, {})[request] = None
        try:
            yield
        finally:
            self._remove(request)

    def _make_room(self, newest: _Request) -> None:
        for key, limit in newest.limits.items():
            present = self._requests.get(key, {})
            if len(present) >= limit:
                oldest = next(iter(present))
                self._remove(oldest)
                oldest.evict()

    def _remove(self, request: _Request) -> None:
        for key in request.limits:
            present = self._requests.get(key, {})
            present.pop(request, None)
            if not present:
                self._requests.pop(key, None)
