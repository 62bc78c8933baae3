"""Compares the store with our own lists, because a watch cannot prove that it saw every object.

kopf drops no event. But after a watch expired (410) it never reports the deletions in between, and
while the kind is not served it stays idle for ever (P5).
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Key
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.errors import KubeError, ObjectNotFound

# Seconds between tries to list while the API server refuses; the last one repeats.
PROBE_DELAYS = (0.5, 1.0, 2.0, 5.0)
# Seconds that the watch gets to deliver what a list shows.
SEEN_WITHIN = 10.0
# Seconds between two looks at the store meanwhile.
POLL = 0.05

T = TypeVar("T")

log = get_logger(__name__)


class CacheSync:
    """Compares the store with a metadata-only list of the API server.

    Args:
        batch_jobs: lists the objects.
        store: the objects that the watch has delivered.
        namespaces: the namespaces watched; `None` for all.
        event_handler: gets what the watch has missed.

    Attributes:
        synced: the store has had every object that a list showed after the start.
    """

    def __init__(
        self,
        batch_jobs: BatchJobs,
        store: Store,
        namespaces: Sequence[str] | None,
        event_handler: EventHandler,
    ) -> None:
        self.synced = False
        self._batch_jobs = batch_jobs
        self._store = store
        self._namespaces = namespaces
        self._event_handler = event_handler

    async def wait_for_kind(self) -> None:
        """Wait until the API server serves the kind and lets us list it."""
        await self._insist(lambda: self._batch_jobs.probe(self._namespaces))

    async def wait(self) -> None:
        """Wait until the store has every listed object, at the listed version or a newer one."""
        while not self.synced:
            missing = await self._missing_for(SEEN_WITHIN)
            self.synced = not missing
            if missing:
                log.warning(
                    "the watch has not delivered every listed object yet", count=len(missing)
                )

    async def resync(self) -> None:
        """List again: forget objects that are gone, fetch objects that the watch has missed."""
        # Before the list: an object created during it is in the store and not in the list, and must
        # not be taken for one that is gone.
        before = self._store.incarnations()
        listed = await self._listed()
        for key, uid in before - {(key, uid) for key, uid, _ in listed}:
            self._event_handler.forget(key, uid)
        for key in await self._missing_for(SEEN_WITHIN):
            await self._fetch(key)

    async def _missing_for(self, seconds: float) -> set[Key]:
        listed = await self._listed()
        deadline = asyncio.get_running_loop().time() + seconds
        while missing := self._store.missing(listed):
            if asyncio.get_running_loop().time() >= deadline:
                return missing
            await asyncio.sleep(POLL)
        return set()

    async def _fetch(self, key: Key) -> None:
        try:
            body = await self._batch_jobs.get(*key)
        except ObjectNotFound:
            return
        except KubeError as error:
            log.warning(
                "an object could not be fetched; retrying with the next list", error=str(error)
            )
            return
        log.warning("the watch missed an object", namespace=key.namespace, name=key.name)
        self._event_handler.keep(body)

    async def _listed(self) -> set[tuple[Key, str, int]]:
        keys = await self._insist(lambda: self._batch_jobs.list_keys(self._namespaces))
        return {(Key(key.namespace, key.name), key.uid, key.version) for key in keys}

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until the API server answers; log its refusals."""
        for delay in itertools.chain(PROBE_DELAYS, itertools.repeat(PROBE_DELAYS[-1])):
            try:
                return await call()
            except KubeError as error:
                log.warning("the API server does not list GeminiBatchJobs yet", error=str(error))
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")
