"""Uses kopf as a watch engine; no other module imports kopf.

kopf runs in a thread and an event loop of its own and hands every event over to the main loop. In a
shared loop, kopf cancels every task when it ends, shielded writes included (P4). kopf writes
nothing: only `on.event` is used, and its storages stay unused. Its finalizer has a name that is
used nowhere, because with our name kopf would remove ours at the first event (P3).

kopf itself never gets the objects of a list (`lists.py`); it follows the events after the list.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import aiohttp
import kopf

from gemini_operator.api import group
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.watch.lists import Item, response_class
from gemini_operator.kube.connection import ClusterConnection

UNUSED = f"{group.GROUP}/kopf-unused"

# Called in the main loop: the event's type (ADDED, MODIFIED, DELETED, or None for a listed object)
# and the object.
OnEvent = Callable[[str | None, Mapping[str, Any]], None]

# The loggers that kopf logs the end of a watch with, traceback included, before it raises.
REPORTING = ("kopf._core.reactor.running", "kopf._core.reactor.orchestration")

log = get_logger(__name__)


class Backoffs:
    """Endless, jittered, capped back-offs in seconds; a watch that gives up ends the process."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield random.uniform(delay / 2, delay)  # noqa: S311 - jitter is no secret
            delay = min(delay * 2, 30.0)


class NoDiffBase(kopf.DiffBaseStorage):
    """Compares no object with its last version, for which kopf would copy every object."""

    def build(self, **_: object) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: object) -> None:
        return None

    def store(self, **_: object) -> None:
        """Nothing is stored."""


class Watch:
    """Lists and watches our kind, in one thread.

    Args:
        connection: the API server.
        namespaces: the namespaces to watch; empty for all.
        on_event: called in the loop that called `start`, in the order of arrival per object.
        on_end: called in that loop when kopf has ended, for whatever reason.

    Attributes:
        kind_gone: kopf has ended because the API server does not serve our kind.
        interrupted: kopf has ended because an answer did not come whole. It tries most requests
            again, but not those that find out what the API server serves.
    """

    def __init__(
        self,
        connection: ClusterConnection,
        namespaces: Sequence[str],
        on_event: OnEvent,
        on_end: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._namespaces = tuple(namespaces)
        self._on_event = on_event
        self._on_end = on_end
        self.kind_gone = self.interrupted = False
        self._stopping = False
        self._stop: asyncio.Event | None = None
        self._kopf_loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the thread; events are handed over to the loop that calls this."""
        # kopf warns that it handles no signals outside the main thread. The controller does.
        logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
        for name in REPORTING:
            logging.getLogger(name).addFilter(_is_news)
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Ask kopf to end and wait for its thread, at most 10 seconds; `on_end` is not called."""
        self._stopping = True
        if self._loop is None:
            return  # never started
        if self._kopf_loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # its loop has ended already
                self._kopf_loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join, 10.0)

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except Exception:
            if not (self.kind_gone or self.interrupted):
                log.exception("the watch engine failed")

    def _hand_over(self, call: Callable[..., None], *args: object) -> None:
        assert self._loop is not None  # noqa: S101 - start() has set it
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            return  # the main loop is closed: the process is ending

    async def _hand_over_page(self, items: Sequence[Item]) -> None:
        """Hand over one page of a list; the next one is not asked for before it was taken."""
        assert self._loop is not None  # noqa: S101 - start() has set it
        if self._stopping or self._loop.is_closed():
            return
        taken = asyncio.run_coroutine_threadsafe(self._take(items), self._loop)
        await asyncio.wrap_future(taken)

    async def _take(self, items: Sequence[Item]) -> None:
        """Take a page, in the main loop; `on_event` is called before this returns."""
        for item in items:
            # One call each: if one of them fails, the others are made.
            asyncio.get_running_loop().call_soon(self._event, None, item)
        await asyncio.sleep(0)

    def _event(self, kind: str | None, body: Item) -> None:
        # A stopped watch is being replaced, and goes by the old schema of the CRD.
        if not self._stopping:
            self._on_event(kind, body)

    async def _operate(self) -> None:
        # Not a threading.Event: kopf would wait for it in a thread that cannot be ended.
        self._stop = asyncio.Event()
        self._kopf_loop = asyncio.get_running_loop()
        if self._stopping:
            return  # `stop` came before there was anything that it could tell
        try:
            await kopf.operator(
                registry=self._registry(),
                settings=settings(),
                standalone=True,
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
                stop_flag=self._stop,
            )
        except Exception as error:
            self.kind_gone = _not_served(error)
            self.interrupted = isinstance(error, aiohttp.ClientError | OSError)
            raise
        finally:
            if not self._stopping:
                self._hand_over(self._on_end)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        async def login(**_: object) -> kopf.AiohttpSession:
            return await self._session()

        @kopf.on.event(group.GROUP, group.VERSION, group.PLURAL, registry=registry)
        async def event(event: Mapping[str, Any], **_: object) -> None:
            self._hand_over(self._event, event["type"], event["object"])

        return registry

    async def _session(self) -> kopf.AiohttpSession:
        return kopf.AiohttpSession(
            server=self._connection.server,
            default_namespace=self._connection.namespace,
            aiohttp_session=aiohttp.ClientSession(
                headers=await self._connection.headers(),
                connector=aiohttp.TCPConnector(limit=16, ssl=self._connection.ssl),
                response_class=response_class(self._hand_over_page),
            ),
        )


def _not_served(error: BaseException | None) -> bool:
    """Whether a watch was answered 404: the CRD is gone."""
    # kopf's class of this error is not public.
    return getattr(error, "status", None) == 404


def _is_news(record: logging.LogRecord) -> bool:
    """Drop kopf's tracebacks of a watch whose CRD is gone; the process says that in one line."""
    return not (record.exc_info and _not_served(record.exc_info[1]))


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings for a watch of ten thousand objects without any writes."""
    s = kopf.OperatorSettings()
    # No peering objects, no scan for namespaces and CRDs: both need permissions that we do not ask.
    s.peering.standalone = True
    s.scanning.disabled = True
    s.persistence.finalizer = UNUSED
    s.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=UNUSED, v1=False)
    s.persistence.diffbase_storage = NoDiffBase()
    # kopf would hold events back until it sees its own last patch; it never sends one.
    s.persistence.consistency_timeout = 0
    # One task for each object with recent events; it ends after `idle_timeout` seconds.
    s.queueing.worker_limit = None
    s.queueing.idle_timeout = 2.0
    s.queueing.exit_timeout = 5.0
    s.queueing.error_delays = (1, 2, 5, 10, 30)
    s.networking.connect_timeout = 10
    s.networking.request_timeout = 60
    s.networking.error_backoffs = Backoffs()
    # Small pages: 500 objects with a full inline input are 100 MB (S10).
    s.watching.chunk_size = 100
    s.watching.server_timeout = 300
    s.watching.client_timeout = 310
    s.watching.connect_timeout = 30
    # Seconds between a watch that has ended and the next list.
    s.watching.reconnect_backoff = 1.0
    s.posting.enabled = False
    s.posting.level = logging.WARNING
    s.execution.max_workers = 1
    # With a timeout kopf would kill the whole process, and with it our drain.
    s.process.ultimate_exiting_timeout = None
    return s
