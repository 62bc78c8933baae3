"""Limit the requests whose signature is not verified yet.

For such a request anybody needs only one connection and the address of a job, which may have ended
long ago. So unverified requests must not be able to block others: at the limit, the oldest
request is evicted and the new one admitted. The body of a genuine delivery arrives right behind its
head, so it is verified before it is the oldest. The limit of a peer is therefore safe even if the
peer is a load balancer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from gemini_operator.receiver.responses import Refused, Result
from gemini_operator.receiver.settings import Limits

_Key = tuple[str, Hashable]
_ALL: _Key = ("all", None)


@dataclass(slots=True, eq=False)
class _Request:
    limits: Mapping[_Key, int]
    """The groups that the request counts in, and the limit of each."""
    evict: Callable[[], None]


class UnverifiedRequests:
    """The current unverified requests, oldest first: by address, by peer and all together."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests: dict[_Key, dict[_Request, None]] = {}

    def __len__(self) -> int:
        return len(self._requests.get(_ALL, ()))

    @asynccontextmanager
    async def admit(self, address: Hashable | None, peer: Hashable) -> AsyncIterator[None]:
        """Count a request as unverified during the block.

        Args:
            address: of one job; None for an address of many jobs, which may be called often.
            peer: the IP address of the other side.

        Raises:
            Refused: a newer request evicted this one; the block was cancelled where it waited.
        """
        evicted = False

        def evict() -> None:
            nonlocal evicted
            evicted = True
            # A timeout that ends now cancels the block wherever it waits.
            deadline.reschedule(asyncio.get_running_loop().time())

        try:
            async with asyncio.timeout(None) as deadline:
                with self.admitted(address, peer, evict):
                    yield
        except TimeoutError:
            # Another timeout inside the block: it is not ours to handle.
            if not evicted:
                raise
            raise Refused(Result.EVICTED) from None

    @contextmanager
    def admitted(
        self, address: Hashable | None, peer: Hashable, evict: Callable[[], None]
    ) -> Iterator[None]:
        """As `admit`, but an eviction calls `evict`, at most once, without cancelling the block."""
        limits: dict[_Key, int] = {
            ("peer", peer): self._limits.unverified_per_peer,
            _ALL: self._limits.unverified,
        }
        if address is not None:
            limits = {("address", address): self._limits.unverified_per_address} | limits
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
