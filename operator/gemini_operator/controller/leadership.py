"""The leader's side of the election: it acts while its last renewal is young, or not at all.

A process cannot be trusted to stop what it is doing, so one that has lost the Lease ends at once
(rule P6), well before another may take over; and whatever would change something at Google asks
`valid` once more, for a process that was suspended meanwhile and has yet to find out.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Protocol

from gemini_operator.base.clock import Clock
from gemini_operator.controller.leadership_settings import ElectionSettings
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from gemini_operator.kube.errors import KubeError
from gemini_operator.kube.lease import Election, LeaseTaken, Terms
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

# Seconds between two looks at the clock. A timer up to the deadline would not do: the loop's clock
# stands still while the machine is suspended.
LOOK = 0.25

log = get_logger(__name__)


class LeaseCandidate(Protocol):
    """What is said to the API server; see `kube.lease.Election`."""

    @property
    def identity(self) -> str: ...
    @property
    def holder(self) -> str: ...
    async def acquire(self) -> bool: ...
    async def renew(self) -> None: ...
    async def release(self) -> None: ...
    async def close(self) -> None: ...


class Alone:
    """The only controller there is, on the administrator's word."""

    def valid(self) -> bool:
        return True

    async def acquire(self) -> None:
        metrics.LEADER.set(1)

    async def release(self) -> None:
        metrics.LEADER.set(0)


class Leadership:
    """Waits for the Lease, keeps it, and ends the process when it cannot be kept.

    Args:
        candidate: takes, renews and gives back the Lease.
        settings: the times.
        clock: judges the age of the last renewal.
        end: ends the process with a status, at once.
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
        """Whether this process may act now.

        The last renewal counts from the start of its request: when the API server dealt with it,
        and others began to wait, is only known to be later.
        """
        return self._left() > 0

    async def acquire(self) -> None:
        """Wait, for as long as it takes, until this process leads; from then on it keeps leading."""
        trouble, holder = False, ""
        while True:
            begun = self._clock.monotonic()
            try:
                if await self._candidate.acquire():
                    break
                trouble = False
            except KubeError as error:
                if not trouble:
                    log.warning("the lease cannot be taken yet", error=str(error))
                trouble = True
            if self._candidate.holder != holder:
                holder = self._candidate.holder
                log.info("another controller leads; this one stands by", leader=holder)
            await self._sleep(self._settings.poll_period)
        self._begin(begun)

    async def release(self) -> None:
        """Act no more and give the Lease back; call it when every pass has ended.

        What fails is logged: others then wait until the Lease expires.
        """
        self._renewed = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        metrics.LEADER.set(0)
        try:
            await self._candidate.release()
        except KubeError as error:
            log.warning("the lease was not given back; it expires", error=str(error))
        await self._candidate.close()

    def _begin(self, begun: float) -> None:
        self._renewed = begun
        metrics.LEADER.set(1)
        log.info("this controller leads", identity=self._candidate.identity)
        self._tasks = [asyncio.create_task(self._renew()), asyncio.create_task(self._watch())]

    def _left(self) -> float:
        """Seconds until this process must be gone."""
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
                self._lost(error.message)
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the Lease was not renewed
                left = round(self._left(), 1)
                log.warning("the lease was not renewed", error=str(error), seconds_left=left)
            took = self._clock.monotonic() - begun
            await self._sleep(max(0.0, self._settings.retry_period - took))

    async def _watch(self) -> None:
        while self.valid():
            await self._sleep(min(LOOK, self._left()))
        self._lost("it could not be renewed in time")

    def _lost(self, why: str) -> None:
        log.error("the lease is lost; the process ends at once", reason=why)
        self._end(1)


def leadership(
    settings: ElectionSettings, connection: ClusterConnection, clock: Clock
) -> Leadership | Alone:
    """What the administrator has chosen; its requests wait behind no others."""
    if not settings.enabled:
        return Alone()
    client = KubeClient(connection, timeout=settings.timeout, limit=4)
    terms = Terms(
        namespace=settings.namespace or connection.namespace,
        name=settings.name,
        duration=settings.duration,
        timeout=settings.timeout,
    )
    return Leadership(Election(client, terms, clock), settings, clock)
