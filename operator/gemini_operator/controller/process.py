"""The controller process: the order in which its parts start, and how it stops."""

import asyncio

from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock, SystemClock
from gemini_operator.base.health import HealthServer
from gemini_operator.base.logs import get_logger
from gemini_operator.base.process import stop_requested
from gemini_operator.base.version import VERSION
from gemini_operator.controller import job_counts
from gemini_operator.controller.assembly import assemble
from gemini_operator.controller.leadership import leadership
from gemini_operator.controller.quota.warmup import QuotaWarmup
from gemini_operator.controller.served_schema import ServedSchema
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.controller.transitions import Transitions
from gemini_operator.controller.watch.cache_sync import CacheSync
from gemini_operator.controller.watch.watch import Watch
from gemini_operator.controller.workers import Workers
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from gemini_operator.payload.objects.access import ObjectAccess
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.stores import Stores

# Seconds for which running reconciles may go on after SIGTERM. Kubernetes kills a pod after 30 by
# default (terminationGracePeriodSeconds), and the rest of the shutdown needs some of them.
DRAIN = 20.0

# Seconds between the end of a watch and the next one.
WATCH_PAUSE = 1.0

log = get_logger(__name__)


class Controller:
    """The controller.

    Args:
        settings: the administrator's settings.
        connection: the API server.
        clock: the time for all parts; the system's by default.
        ambient: the operator's own identity at clouds; none by default.
    """

    def __init__(
        self,
        settings: ControllerSettings,
        connection: ClusterConnection,
        clock: Clock | None = None,
        *,
        ambient: AmbientIdentity | None = None,
    ) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._failed = False
        self._clock = clock or SystemClock()
        self._kube = KubeClient(connection)
        self._leadership = leadership(settings.election, connection, self._clock)
        self._clients = GeminiClients(settings.gemini, may_send=self._leadership.valid)
        self._schema = ServedSchema(self._kube, renew=self._restart_watch, resume=self._look_at_all)
        self._parts = assemble(
            settings,
            kube=self._kube,
            clients=self._clients,
            clock=self._clock,
            schema=self._schema,
            objects=ObjectAccess(
                self._kube,
                Stores(settings.objects, ambient or AmbientIdentity()),
                HttpsClient(settings.objects.addresses),
            ),
            changed=Transitions(self._leadership.valid).changed,
        )
        self._store, self._queue = self._parts.store, self._parts.queue
        self._quota_warmup = QuotaWarmup(
            self._store, self._parts.quota, resolve=self._parts.api_keys.resolve
        )
        self._workers = Workers(self._queue, self._parts.reconciler, settings.workers)
        self._cache_sync = CacheSync(
            BatchJobs(self._kube),
            self._store,
            settings.namespaces or None,
            self._parts.event_handler,
        )
        self._connection = connection
        self._watch_ended = asyncio.Event()
        self._watch_restart = asyncio.Lock()
        self._watch = self._new_watch()
        self._health = HealthServer(
            settings.health_host,
            settings.metrics_port,
            self._not_ready,
            own=metrics.CONTROLLER,
            refresh=lambda: job_counts.publish(self._store),
        )
        self._publish()

    def _publish(self) -> None:
        """Let the gauges read their values when they are scraped."""
        metrics.WORKQUEUE_DEPTH.set_function(lambda: self._queue.depth)
        metrics.UNREADABLE_JOBS.set_function(lambda: self._store.unreadable_count)
        metrics.JOBS_QUEUED.set_function(lambda: self._parts.quota.waiting)
        metrics.OPEN_BATCHES.set_function(lambda: len(self._parts.usage))

    async def start(self) -> None:
        """Handle signals, and serve health and metrics.

        Raises:
            OSError: the port is taken; `close` is still to be called.
        """
        # First, so that a signal during the start ends the process in good order.
        self._stop = stop_requested()
        await self._health.start()
        # The URLs have no user and no query: the settings refuse those.
        log.info(
            "the controller starts",
            version=VERSION,
            gemini=self._settings.gemini.base_url,
            namespaces=self._settings.namespaces or "all",
            public_url=self._settings.public_url,
        )
        print(f"listening on http://{self._settings.health_host}:{self._health.port}", flush=True)  # noqa: T201 - the port may have been chosen by the machine

    async def run(self) -> int:
        """Work until SIGTERM, SIGINT or a failure.

        Returns:
            The exit status: 0 after a signal, 1 after a failure or if the watch ended.
        """
        work = asyncio.create_task(self._work())
        stop = asyncio.create_task(self._stop.wait())
        # `work` never ends by itself; if it is done, it has failed.
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is not None:
            log.error("the controller failed", exc_info=work.exception())
            self._failed = True
        await self._drain(work)
        return 1 if self._failed else 0

    async def _work(self) -> None:
        # kopf would stay idle for ever if the kind were not served when it starts.
        await self._cache_sync.wait_for_kind()
        await self._schema.check()
        self._watch.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._resume_watch())
            # Nothing is submitted before every job is known: quota and claims depend on all of them.
            await self._cache_sync.wait()
            log.info(
                "caches are synced",
                jobs=len(self._store),
                unreadable=self._store.unreadable_count,
            )
            # These two run on a standby too, so that it is ready, and current, when it takes over.
            tasks.create_task(self._schema.run())
            tasks.create_task(self._relist())
            await self._leadership.acquire()
            # The watch may not have delivered the last leader's last writes, which use quota too.
            await self._cache_sync.resync()
            await self._quota_warmup.run()
            tasks.create_task(self._workers.run())
            tasks.create_task(self._parts.sweeper.run())
            tasks.create_task(self._parts.rejected_keys.run())

    async def _relist(self) -> None:
        """Compare the store with a list at intervals; on a standby too, as it may take over."""
        while True:
            await asyncio.sleep(self._settings.relist_interval)
            await self._cache_sync.resync()
            if self._leadership.valid():
                await self._quota_warmup.resync()

    async def _drain(self, work: asyncio.Task[None]) -> None:
        log.info("stopping")
        # Reconciles end first, while their clients are open and the Lease is ours.
        await self._workers.drain(DRAIN)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await self.close()

    async def close(self) -> None:
        """Close everything, after the last reconcile has ended."""
        await self._parts.sweeper.close()
        await self._parts.transfers.close()
        # Nothing acts any more, so a standby can take over while the rest is closed.
        await self._leadership.release()
        await self._watch.stop()
        await self._parts.events.drain()
        await self._clients.aclose()
        await self._kube.close()
        await self._health.close()

    def _not_ready(self) -> str | None:
        return self._cache_sync.problem or self._schema.problem

    def _new_watch(self) -> Watch:
        return Watch(
            self._connection,
            self._settings.namespaces,
            on_event=self._parts.event_handler.on_event,
            on_end=self._watch_ended.set,
        )

    def _look_at_all(self) -> None:
        for job in self._store:
            self._queue.add(job.key)

    async def _restart_watch(self) -> None:
        """Replace the watch: the old one may use the old schema of the CRD until it ends."""
        # A deleted CRD, and one that was older, may both ask for it.
        async with self._watch_restart:
            await self._watch.stop()
            # The new watch delivers known versions too, with the fields that were missing.
            self._store.doubt()
            self._watch = self._new_watch()
            self._watch.start()
            await self._cache_sync.resync()

    async def _resume_watch(self) -> None:
        """Start a new watch after an interruption, and after the CRD was deleted and is back.

        If the watch has ended for another reason, end the process.
        """
        while True:
            await self._watch_ended.wait()
            self._watch_ended.clear()
            if self._watch.interrupted:
                log.warning("the watch was interrupted; it starts again")
                await asyncio.sleep(WATCH_PAUSE)
                await self._restart_watch()
                continue
            if not self._watch.kind_gone:
                log.error("the watch has ended; the process exits")
                self._failed = True
                self._stop.set()
                return
            log.error("the CRD of GeminiBatchJobs was deleted; nothing is done until it is back")
            # Also for a server that lists and does not watch, which would be asked all the time.
            await asyncio.sleep(WATCH_PAUSE)
            await self._cache_sync.wait_for_kind()
            await self._schema.check()
            await self._restart_watch()
            log.info("the CRD of GeminiBatchJobs is back", jobs=len(self._store))
