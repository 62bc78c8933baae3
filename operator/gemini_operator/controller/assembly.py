"""Assembles the parts that reconcile jobs, for the process and for tests alike."""

import random
from dataclasses import dataclass

from gemini_operator.base.clock import Clock
from gemini_operator.callbacks.address import CallbackAddresses
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.controller.job import Job, JobReader
from gemini_operator.controller.lifecycle.snapshot import Rules
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.quota.usage import QuotaUsage
from gemini_operator.controller.reconcile.adopter import Adopter
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.delivery import Delivery
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.naming import BatchNames
from gemini_operator.controller.reconcile.object_delivery import ObjectDelivery
from gemini_operator.controller.reconcile.outdated_schema import OutdatedSchema
from gemini_operator.controller.reconcile.reconciler import Reconciler
from gemini_operator.controller.reconcile.result_lines import ResultLines
from gemini_operator.controller.reconcile.results import Results
from gemini_operator.controller.reconcile.snapshots import Snapshots
from gemini_operator.controller.reconcile.submitter import Submitter
from gemini_operator.controller.reconcile.unreadable import UnreadableJobs
from gemini_operator.controller.reconcile.uploader import Uploader
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKeys
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.remote.rejected_keys import RejectedKeys
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.served_schema import ServedSchema
from gemini_operator.controller.settings import ControllerSettings
from gemini_operator.controller.store import Changed, Store
from gemini_operator.controller.transfers import Transfers
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload.objects.access import ObjectAccess

# One API key, and one namespace, may occupy a share of the workers: 1 of so many. If all its calls
# hang, the other workers go on.
SHARES = 8


@dataclass(frozen=True)
class Assembly:
    """The parts that the watch, the workers and the metrics use."""

    store: Store
    queue: KeyedQueue
    usage: QuotaUsage
    quota: Quota
    api_keys: ApiKeys
    sweeper: Sweeper
    rejected_keys: RejectedKeys
    events: EventRecorder
    event_handler: EventHandler
    reconciler: Reconciler
    transfers: Transfers


def assemble(
    settings: ControllerSettings,
    *,
    kube: KubeClient,
    clients: GeminiClients,
    clock: Clock,
    schema: ServedSchema,
    objects: ObjectAccess,
    rng: random.Random | None = None,
    changed: Changed = lambda _before, _after: None,
) -> Assembly:
    """Assemble everything between the watch and the two APIs.

    Args:
        settings: the administrator's settings.
        kube: the API server.
        clients: a client of Google for each API key.
        clock: the time for all parts.
        objects: opens inputs and outputs in object storage.
        schema: tells whether the CRD in the cluster is as new as the operator.
        rng: jitter; each part has its own by default.
        changed: called at every change of a job, with the version before and the new one.
    """
    usage, memory, queue = QuotaUsage(), Memory(), KeyedQueue(clock, rng)
    # The usage follows the store, so no write can be counted late.
    store, reader = (
        Store(_both(usage.changed, changed), queue.acknowledge),
        JobReader(settings.default_api_key_secret),
    )
    # Every use of an API key binds it to its Secret, so the quota notices a changed Secret.
    quota = Quota(clock, usage, queue, limit=settings.max_open_batches_per_key, rng=rng)
    api_keys = ApiKeys(kube, clients, clock, settings.credentials_ttl, resolved=quota.bind_key)
    reads = ReadBudget(clock, queue, per_key=settings.max_reads_per_second_per_key)
    calls = CallLimit(max(1, settings.workers // SHARES), queue)
    access = RemoteAccess(api_keys, calls, reads)
    sweeper = Sweeper(
        api_keys, store, memory, clock, wake=queue.add, interval=settings.sweep_seconds, rng=rng
    )
    rejected_keys = RejectedKeys(api_keys, store, sweeper, clock, wake=queue.add)
    events = EventRecorder(kube, clock)
    batch_jobs = BatchJobs(kube)
    writer = Writer(batch_jobs, store, reader)
    claims = Claims(api_keys, store)
    transfers, results = Transfers(queue, clock), Results(kube)
    copies = ObjectDelivery(objects, ResultLines(results), transfers, clock)
    delivery = Delivery(kube, store, claims, results, copies)
    cleanup = Cleanup(access, claims, writer, events)
    submitter = Submitter(
        kube,
        delivery=delivery,
        writer=writer,
        quota=quota,
        addresses=_addresses(settings),
        clock=clock,
        refused_retry=settings.credentials_ttl,
    )
    reconciler = Reconciler(
        store=store,
        queue=queue,
        snapshots=Snapshots(memory, clock, _rules(settings)),
        outdated_schema=OutdatedSchema(schema, writer, quota, queue, clock),
        quota=quota,
        access=access,
        # One job at a time whose object is expensive to write (see `Reconciler`).
        heavy=CallLimit(1, queue),
        sweeper=sweeper,
        rejected_keys=rejected_keys,
        writer=writer,
        events=events,
        submitter=submitter,
        names=BatchNames(store, writer, events, cleanup),
        delivery=delivery,
        uploader=Uploader(objects, access, delivery, transfers, clock),
        transfers=transfers,
        adopter=Adopter(batch_jobs, claims, delivery, reader, settings.namespaces or None),
        cleanup=cleanup,
        unreadable=UnreadableJobs(writer, events, clock),
    )
    handler = EventHandler(store, queue, memory, reads, reader)
    return Assembly(
        store=store,
        queue=queue,
        usage=usage,
        quota=quota,
        api_keys=api_keys,
        sweeper=sweeper,
        rejected_keys=rejected_keys,
        events=events,
        event_handler=handler,
        reconciler=reconciler,
        transfers=transfers,
    )


def _both(first: Changed, second: Changed) -> Changed:
    def changed(before: Job | None, after: Job | None) -> None:
        first(before, after)
        second(before, after)

    return changed


def _rules(settings: ControllerSettings) -> Rules:
    return Rules(
        create_timeout=settings.gemini.create_timeout,
        submit_grace=settings.submit_grace,
        max_priority=settings.max_priority,
    )


def _addresses(settings: ControllerSettings) -> CallbackAddresses:
    if settings.public_url is None or settings.callback_keys_dir is None:
        return CallbackAddresses(None, None)
    keys = KeyDirectory(settings.callback_keys_dir, settings.callback_signing_key)
    return CallbackAddresses(settings.public_url, keys)
