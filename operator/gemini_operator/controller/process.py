"""The controller as a process: what is started, in which order, and how it ends."""

import asyncio
import signal

from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.clock import Clock, SystemClock
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.controller.leadership import leadership
from gemini_operator.controller.lifecycle.snapshot import Rules
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.quota.usage import QuotaUsage
from gemini_operator.controller.quota.warmup import QuotaWarmup
from gemini_operator.controller.reconcile.actions import Collaborators
from gemini_operator.controller.reconcile.adopter import Adopter
from gemini_operator.controller.reconcile.callback import CallbackAddresses
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.disposer import Disposer
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.observer import Observer
from gemini_operator.controller.reconcile.reconciler import Reconciler
from gemini_operator.controller.reconcile.submitter import Submitter
from gemini_operator.controller.reconcile.unreadable import UnreadableJobs
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.api_keys import ApiKeys
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.served_schema import ServedSchema
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.cache_sync import CacheSync
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.watch.watch import Watch
from gemini_operator.controller.workers import Workers
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import Connection
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.http import HealthServer
from gemini_operator.telemetry.logs import get_logger

# Seconds for which passes under way may go on after SIGTERM: below a pod's usual 30.
DRAIN = 20.0

# Of the workers one API key, or one namespace, may have so many parts: some that hang leave others.
SHARES = 8

log = get_logger(__name__)


class Controller:
    """All parts of the controller, wired; `run` returns the exit status."""

    def __init__(
        self, settings: ControllerSettings, connection: Connection, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._stop = asyncio.Event()
        self._failed = False
        self._clock = clock or SystemClock()
        self._usage = QuotaUsage(self._api_key)
        self._store = Store(self._usage.changed)
        self._memory = Memory()
        self._queue = KeyedQueue(self._clock)
        self._kube = KubeClient(connection)
        self._batch_jobs = BatchJobs(self._kube)
        self._leadership = leadership(settings.election, connection, self._clock)
        self._clients = GeminiClients(settings.gemini, may_send=self._leadership.valid)
        self._quota = Quota(
            self._clock, self._usage, self._queue, limit=settings.max_open_batches_per_key
        )
        self._reads = ReadBudget(self._clock)
        self._calls = CallLimit(max(1, settings.workers // SHARES), self._queue)
        self._events = EventRecorder(self._kube, self._clock)
        api_keys = ApiKeys(
            self._kube,
            self._clients,
            self._clock,
            settings.credentials_ttl,
            resolved=self._quota.bind_key,
        )
        self._schema = ServedSchema(self._kube, renew=self._restart_watch, resume=self._look_at_all)
        self._quota_warmup = QuotaWarmup(
            self._store, self._quota, resolve=api_keys.resolve, api_key=self._api_key
        )
        self._sweeper = Sweeper(
            api_keys,
            self._store,
            self._memory,
            self._clock,
            api_key=self._api_key,
            wake=self._queue.add,
            sweep=settings.sweep_seconds,
        )
        self._workers = Workers(self._queue, self._reconciler(api_keys), settings.workers)
        namespaces = settings.namespaces or None
        self._event_handler = EventHandler(
            self._store, self._queue, self._memory, self._quota, self._reads
        )
        self._cache_sync = CacheSync(self._batch_jobs, self._store, namespaces, self._event_handler)
        self._connection = connection
        self._watch = self._new_watch()
        self._health = HealthServer(settings.health_host, settings.metrics_port, self._not_ready)
        self._publish()

    def _publish(self) -> None:
        """Let the gauges ask for their values."""
        metrics.WORKQUEUE_DEPTH.set_function(lambda: self._queue.depth)
        metrics.UNREADABLE_JOBS.set_function(lambda: self._store.unreadable_count)
        metrics.JOBS_QUEUED.set_function(lambda: self._quota.waiting)
        metrics.OPEN_BATCHES.set_function(lambda: len(self._usage))

    def _reconciler(self, api_keys: ApiKeys) -> Reconciler:
        writer = Writer(self._batch_jobs, self._store)
        claims = Claims(api_keys, self._store, self._api_key)
        disposer = Disposer(claims)
        return Reconciler(
            Collaborators(
                store=self._store,
                queue=self._queue,
                memory=self._memory,
                clock=self._clock,
                kube=self._kube,
                api_keys=api_keys,
                calls=self._calls,
                heavy=CallLimit(1, self._queue),
                quota=self._quota,
                sweeper=self._sweeper,
                submitter=Submitter(
                    self._kube,
                    writer,
                    self._quota,
                    _addresses(self._settings),
                    self._clock,
                    refused_retry=self._settings.credentials_ttl,
                ),
                cleanup=Cleanup(api_keys, self._calls, disposer, writer, self._events),
                claims=claims,
                disposer=disposer,
                adopter=Adopter(
                    self._kube, self._batch_jobs, claims, self._settings.namespaces or None
                ),
                observer=Observer(api_keys, self._reads, self._calls),
                writer=writer,
                events=self._events,
                schema=self._schema,
                unreadable=UnreadableJobs(writer, self._events, self._clock),
                rules=Rules(
                    create_timeout=self._settings.gemini.create_timeout,
                    submit_grace=self._settings.submit_grace,
                    max_priority=self._settings.max_priority,
                ),
                default_api_key=self._settings.default_api_key_secret,
            )
        )

    async def start(self) -> None:
        """Take signals and serve health; raises `OSError` when the port is taken."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._health.start()
        print(f"listening on http://{self._settings.health_host}:{self._health.port}", flush=True)  # noqa: T201 - the port may have been chosen by the machine

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT (status 0), or until the watch ends by itself (status 1)."""
        work = asyncio.create_task(self._work())
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is not None:
            log.error("the controller failed", exc_info=work.exception())
            self._failed = True
        await self._drain(work)
        return 1 if self._failed else 0

    async def _work(self) -> None:
        await self._cache_sync.wait_for_kind()
        await self._schema.check()
        self._watch.start()
        await self._cache_sync.wait()
        log.info(
            "every job has been seen",
            jobs=len(self._store),
            unreadable=self._store.unreadable_count,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._schema.run())
            tasks.create_task(self._relist())
            await self._leadership.acquire()
            # The last leader's last writes hold places too.
            await self._cache_sync.resync()
            await self._quota_warmup.run()
            tasks.create_task(self._workers.run())
            tasks.create_task(self._sweeper.run())

    async def _relist(self) -> None:
        """Standbys do so too: whoever takes over goes by what it has seen."""
        while True:
            await asyncio.sleep(self._settings.relist_interval)
            await self._cache_sync.resync()
            if self._leadership.valid():
                await self._quota_warmup.resync()

    async def _drain(self, work: asyncio.Task[None]) -> None:
        log.info("stopping")
        await self._workers.drain(DRAIN)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await self._sweeper.close()
        # Nothing acts any more: whoever stands by need not wait for the rest.
        await self._leadership.release()
        await self._watch.stop()
        await self._events.drain()
        await self._clients.aclose()
        await self._kube.close()
        await self._health.close()

    def _not_ready(self) -> str | None:
        if not self._cache_sync.synced:
            return "objects have not been seen by the watch yet"
        return self._schema.problem

    def _new_watch(self) -> Watch:
        return Watch(
            self._connection,
            self._settings.namespaces,
            on_event=self._event_handler.on_event,
            on_end=self._watch_ended,
        )

    def _look_at_all(self) -> None:
        for job in self._store:
            self._queue.add(job.key)

    async def _restart_watch(self) -> None:
        """The old watch goes by the old schema, for a minute or until it ends."""
        await self._watch.stop()
        self._store.doubt()
        self._watch = self._new_watch()
        self._watch.start()
        await self._cache_sync.resync()

    def _watch_ended(self) -> None:
        if not self._stop.is_set():
            log.error("the watch has ended; the process ends with it")
            self._failed = True
            self._stop.set()

    def _api_key(self, job: Job) -> KeyRef:
        return job.api_key(self._settings.default_api_key_secret)


def _addresses(settings: ControllerSettings) -> CallbackAddresses:
    if settings.public_url is None or settings.callback_keys_dir is None:
        return CallbackAddresses(None, None)
    keys = KeyDirectory(settings.callback_keys_dir, settings.callback_signing_key)
    return CallbackAddresses(settings.public_url, keys)
