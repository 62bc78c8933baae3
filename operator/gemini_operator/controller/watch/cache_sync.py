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

NO_CRD = "there is no CRD of GeminiBatchJobs: kubectl apply --server-side -f crds/"

# Seconds between tries to list while the API server refuses; the last one repeats.
PROBE_DELAYS = (0.5, 1.0, 2.0, 5.0)
# Seconds that the watch gets to deliver what a list shows.
SEEN_WITHIN = 10.0
# Seconds between two looks at the store for an object that is missing.
POLL = 0.05

# A refusal that stays the same is logged at its 1st, 2nd, 4th, 8th … try, and at every 64th.
SAME_EVERY = 64

# Key, uid and version of a listed object.
Expected = tuple[Key, str, int]

T = TypeVar("T")

log = get_logger(__name__)


class Refusals:
    """Logs the API server's refusals to list, less and less often while they stay the same.

    Attributes:
        problem: why there is no list, in one line, if the CRD is the reason.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._last = ""
        self._count = 0

    def note(self, error: KubeError) -> None:
        missing = isinstance(error, ObjectNotFound) and error.missing is None
        said = NO_CRD if missing else "the API server does not list GeminiBatchJobs yet"
        self.problem = NO_CRD if missing else None
        self._count = self._count + 1 if str(error) == self._last else 1
        self._last = str(error)
        if self._count & (self._count - 1) == 0 or self._count % SAME_EVERY == 0:
            log.warning(said, error=str(error))

    def clear(self) -> None:
        """Note a list that succeeded."""
        self.problem, self._last, self._count = None, "", 0


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
        self._refusals = Refusals()
        self._batch_jobs = batch_jobs
        self._store = store
        self._namespaces = namespaces
        self._event_handler = event_handler

    @property
    def problem(self) -> str | None:
        """Why this process can do nothing, and what to do about it, in one line."""
        if self._refusals.problem is not None or self.synced:
            return self._refusals.problem
        return "the watch has not delivered every listed object yet"

    async def wait_for_kind(self) -> None:
        """Wait until the API server serves the kind and lets us list it."""
        await self._insist(lambda: self._batch_jobs.probe(self._namespaces))

    async def wait(self) -> None:
        """Wait until the store has every listed object, at the listed version or a newer one."""
        while not self.synced:
            missing = await self._missing_of(await self._listed())
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
        for key in await self._missing_of(listed):
            await self._fetch(key)

    async def _missing_of(self, listed: Sequence[Expected]) -> set[Key]:
        """Wait for listed objects; return the keys of those that the store has not had in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SEEN_WITHIN
        # One after another, in the order in which the watch delivers them: the whole list would
        # have to be looked through again each time.
        for position, each in enumerate(listed):
            while self._store.missing((each,)):
                if loop.time() >= deadline:
                    return self._store.missing(listed[position:])
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

    async def _listed(self) -> list[Expected]:
        keys = await self._insist(lambda: self._batch_jobs.list_keys(self._namespaces))
        return [(Key(key.namespace, key.name), key.uid, key.version) for key in keys]

    async def _insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call until the API server answers; log its refusals."""
        for delay in itertools.chain(PROBE_DELAYS, itertools.repeat(PROBE_DELAYS[-1])):
            try:
                answer = await call()
                self._refusals.clear()
                return answer
            except KubeError as error:
                self._refusals.note(error)
            await asyncio.sleep(delay)
        raise AssertionError("unreachable")
