"""Leader election: the leader acts only while its last renewal is recent.

A controller that loses the Lease cannot stop all its tasks in time, so the process ends at once,
well before another controller may take over (P6). A process that was suspended may resume late.
Therefore every request that changes something at Google checks `valid` before its first byte.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol

from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.leadership_settings import ElectionSettings
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from gemini_operator.kube.errors import KubeError
from gemini_operator.kube.lease import Election, LeaseTaken, Terms

# Seconds between two looks at the clock. One timer up to the deadline is not enough: the event
# loop's clock stands still while the machine is suspended.
LOOK = 0.25

log = get_logger(__name__)


class LeaseCandidate(Protocol):
    """The requests to the API server; see `kube.lease.Election`."""

    @property
    def identity(self) -> str: ...
    @property
    def holder(self) -> str: ...
    async def acquire(self) -> bool: ...
    async def renew(self) -> None: ...
    async def release(self) -> None: ...
    async def close(self) -> None: ...


class Alone:
    """No election: the administrator promises that only one controller runs."""

    def valid(self) -> bool:
        return True

    async def acquire(self) -> None:
        metrics.LEADER.set(1)

    async def release(self) -> None:
        metrics.LEADER.set(0)


class Leadership:
    """Acquires the Lease, renews it, and ends the process when it cannot be renewed.

    Args:
        candidate: acquires, renews and releases the Lease.
        settings: the times.
        clock: measures the age of the last renewal.
        end: ends the process at once, with an exit status.
        sleep: waits, in seconds.
    """

    def __init__(
        self,
        candidate: LeaseCandidate,
        settings: ElectionSettings,
        clock: Clock,
        *,
        end: Callable[[int], object] = os._exit,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._candidate = candidate
        self._settings = settings
        self._clock = clock
        self._end = end
        self._sleep = sleep
        self._renewed: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def valid(self) -> bool:
        """Return whether this process may act now.

        The age of a renewal is counted from the start of its request. The other controllers count
        from the moment when they see it, which is later.
        """
        return self._left() > 0

    async def acquire(self) -> None:
        """Wait until this process leads, however long that takes, then renew in the background."""
        trouble, holder = False, ""
        while True:
            # Before the request, for the reason that `valid` gives.
            begun = self._clock.monotonic()
            try:
                if await self._candidate.acquire():
                    break
                trouble = False
            except KubeError as error:
                if not trouble:
                    log.warning("the Lease cannot be acquired yet", error=str(error))
                trouble = True
            if self._candidate.holder != holder:
                holder = self._candidate.holder
                log.info("another controller leads; this one is on standby", leader=holder)
            await self._sleep(self._settings.poll_period)
        self._begin(begun)

    async def release(self) -> None:
        """Stop leading and release the Lease. Call it after the last reconcile has ended.

        If the request fails, it is logged, and the others wait until the Lease expires.
        """
        # First, so that nothing is sent to Google any more once the Lease may be another's.
        self._renewed = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        metrics.LEADER.set(0)
        try:
            await self._candidate.release()
        except KubeError as error:
            log.warning("the Lease was not released; it will expire", error=str(error))
        await self._candidate.close()

    def _begin(self, begun: float) -> None:
        self._renewed = begun
        metrics.LEADER.set(1)
        log.info("this controller leads", identity=self._candidate.identity)
        self._tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._watch())]

    def _left(self) -> float:
        """Return the seconds until this process must have ended."""
        if self._renewed is None:
            return 0.0
        return self._renewed + self._settings.renew_deadline - self._clock.monotonic()

    async def _renew(self) -> None:
        while True:
            begun = self._clock.monotonic()
            try:
                await self._candidate.renew()
                self._renewed = begun
            except LeaseTaken as error:
                # Another controller leads already: there is nothing to retry.
                self._lost(error.message)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the Lease was not renewed
                left = round(self._left(), 1)
                log.warning("the Lease was not renewed", error=str(error), seconds_left=left)
            # A slow request must not delay the next one: the deadline runs meanwhile.
            took = self._clock.monotonic() - begun
            await self._sleep(max(0.0, self._settings.retry_period - took))

    async def _watch(self) -> None:
        while self.valid():
            await self._sleep(min(LOOK, self._left()))
        self._lost("it could not be renewed in time")

    def _lost(self, why: str) -> None:
        log.error("the Lease is lost; the process exits at once", reason=why)
        self._end(1)


def leadership(
    settings: ElectionSettings, connection: ClusterConnection, clock: Clock
) -> Leadership | Alone:
    """Return the leadership that the settings ask for."""
    if not settings.enabled:
        return Alone()
    # A client of its own: behind the reconciles' requests a renewal might come too late.
    client = KubeClient(connection, timeout=settings.timeout, limit=4)
    terms = Terms(
        namespace=settings.namespace or connection.namespace,
        name=settings.name,
        duration=settings.duration,
        timeout=settings.timeout,
    )
    return Leadership(Election(client, terms, clock), settings, clock)
