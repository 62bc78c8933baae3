"""The third and fourth step of a pass: at most one outward effect, then one status write."""

from dataclasses import dataclass
from typing import assert_never

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.controller.lifecycle import completion, policies, submission
from gemini_operator.controller.lifecycle.snapshot import (
    AddFinalizer,
    Adopt,
    Cancel,
    Decision,
    DeleteObject,
    DeleteRemote,
    Deliver,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RemoveFinalizer,
    RequeueAfter,
    Rules,
    Snapshot,
    Submit,
)
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.reconcile import delivery
from gemini_operator.controller.reconcile.adopter import Adopter
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.disposer import Disposer
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.observer import Observer
from gemini_operator.controller.reconcile.submitter import Submitter
from gemini_operator.controller.reconcile.unreadable import UnreadableJobs
from gemini_operator.controller.reconcile.writer import Stale, Writer
from gemini_operator.controller.remote.api_keys import (
    ApiKey,
    ApiKeys,
    CredentialsProblem,
)
from gemini_operator.controller.remote.call_limit import Busy, CallLimit
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.served_schema import ServedSchema
from gemini_operator.controller.store import Store
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Observation
from gemini_operator.kube.client import KubeClient
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

# A listing wakes the jobs it was made for; this is for a wake-up that was lost.
SEARCH_OVERDUE = 120.0

AtGoogle = Submit | RecordBatchName | Deliver | DeleteRemote | Cancel | Adopt

log = get_logger(__name__)


@dataclass(frozen=True)
class Collaborators:
    """Everything a pass works with."""

    store: Store
    queue: KeyedQueue
    memory: Memory
    clock: Clock
    kube: KubeClient
    api_keys: ApiKeys
    calls: CallLimit
    heavy: CallLimit
    quota: Quota
    sweeper: Sweeper
    submitter: Submitter
    cleanup: Cleanup
    claims: Claims
    disposer: Disposer
    adopter: Adopter
    observer: Observer
    writer: Writer
    events: EventRecorder
    schema: ServedSchema
    unreadable: UnreadableJobs
    rules: Rules
    default_api_key: tuple[str, str]


class Actions:
    """Carries out what the policies have decided."""

    def __init__(self, with_: Collaborators) -> None:
        self._with = with_

    def snapshot(self, job: Job) -> Snapshot:
        """The job at this moment, with what this process remembers of it."""
        w = self._with
        facts = w.memory.of(job)
        snapshot = Snapshot(job, facts, w.clock.now(), w.clock.monotonic(), w.rules)
        attempt = job.status.attempt
        if job.deleting and facts.deleting_since is None:
            facts.deleting_since = snapshot.monotonic
        if attempt is None or attempt.batch_name is not None:
            facts.search = None
        else:
            facts.begin_search(
                attempt,
                now=snapshot.now,
                monotonic=snapshot.monotonic,
                timeout=w.rules.create_timeout,
                grace=w.rules.submit_grace,
            )
        return snapshot

    async def carry_out(self, snapshot: Snapshot, decision: Decision) -> None:
        """
        Do what was decided.

        Raises:
            Stale: the object has changed since; nothing was done that cannot be done again.
            CredentialsProblem: there is no usable key.
            Busy: others of the key or the namespace call Google.
            KubeError, GeminiError: no answer for now.
        """
        match decision:
            case RequeueAfter(seconds):
                self.come_back(snapshot.job, seconds)
            case PatchStatus():
                await self.write(snapshot, decision)
            case AddFinalizer():
                await self._with.writer.add_finalizer(snapshot.job)
                self._with.queue.add(snapshot.job.key)
            case ListRemote(seconds):
                await self._search(snapshot, seconds)
            case DeleteObject():
                await self._with.writer.delete_object(snapshot.job)
            case RemoveFinalizer(event):
                await self._with.cleanup.release(snapshot, event)
            case _:
                await self._at_google(snapshot, decision)

    async def _at_google(self, snapshot: Snapshot, decision: AtGoogle) -> None:
        match decision:
            case Submit(number):
                await self._submit(snapshot, number)
            case RecordBatchName(summary):
                await self._name(snapshot, RecordBatchName(summary))
            case Deliver(seen):
                await self.write(snapshot, await self._deliver(snapshot, seen))
            case DeleteRemote():
                await self._dispose(snapshot, decision)
            case Cancel(batch):
                await self._cancel(snapshot, batch)
            case Adopt():
                await self._adopt(snapshot)
            case _:
                assert_never(decision)

    async def _submit(self, snapshot: Snapshot, number: int) -> None:
        with self._with.submitter.place(snapshot.job, kept_on=(Busy,)):
            api_key = await self._api_key(snapshot)
        outcome = await self._with.submitter.submit(snapshot, number, api_key)
        if isinstance(outcome, PatchStatus):
            await self.write(snapshot, outcome)
            return
        after = self.snapshot(outcome.job)
        if outcome.batch is not None:
            await self._name(after, RecordBatchName(outcome.batch))
        else:
            await self.carry_out(after, policies.decide(after, None))

    async def _search(self, snapshot: Snapshot, seconds: float) -> None:
        if seconds > 0:
            self.come_back(snapshot.job, seconds)
            return
        api_key = await self._api_key(snapshot)
        if snapshot.facts.search is not None:
            snapshot.facts.search.under_way = True
        self._with.sweeper.search(api_key, snapshot.job.key)
        self.come_back(snapshot.job, SEARCH_OVERDUE)

    async def _name(self, snapshot: Snapshot, found: RecordBatchName) -> None:
        attempt = snapshot.status.attempt
        if attempt is None:
            raise Stale
        status = submission.named(snapshot, found.summary)
        fields = submission.named_fields(status)
        try:
            await self._with.writer.name(snapshot.job, attempt.id, fields)
        except Stale:
            # What cannot be read may well have the name.
            if self._with.store.unreadable(snapshot.job.key) is None:
                await self._with.cleanup.unnamed(snapshot, self.ref(snapshot), found.summary.name)
            raise
        log.info("a job has its batch", **_names(snapshot.job), batch=found.summary.name)
        self._with.events.post(snapshot.job, [submission.submitted(snapshot, found.summary)])
        self._with.queue.add(snapshot.job.key)

    async def _dispose(self, snapshot: Snapshot, decision: DeleteRemote) -> None:
        await self._with.cleanup.dispose(snapshot, self.ref(snapshot), decision.batches)
        if decision.then is None:
            await self._with.cleanup.release(snapshot, decision.event)
        else:
            metrics.DUPLICATES_CANCELLED.inc(len(decision.batches))
            await self.write(snapshot, decision.then)

    async def _deliver(self, snapshot: Snapshot, seen: Observation) -> PatchStatus:
        api_key = await self._api_key(snapshot)
        if await self._with.claims.held_by_another(snapshot.job, seen.summary, api_key):
            return completion.somebody_elses(snapshot, seen)
        return await delivery.deliver(self._with.kube, api_key.client, snapshot, seen)

    async def _cancel(self, snapshot: Snapshot, batch: str) -> None:
        api_key = await self._api_key(snapshot)
        try:
            await self._with.disposer.cancel(api_key, snapshot.job, batch)
        except errors.CredentialsRejected as error:
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
        snapshot.facts.note_cancel(batch, self._with.clock.monotonic())
        log.info("a batch is being cancelled", **_names(snapshot.job), batch=batch)
        self._with.queue.add(snapshot.job.key)

    async def _adopt(self, snapshot: Snapshot) -> None:
        api_key, terms = await self._api_key(snapshot), snapshot.job.spec.adopt
        if terms is None:
            raise AssertionError("a job without spec.adopt was to adopt a batch")
        try:
            await self._with.adopter.adopt(
                snapshot, terms, api_key, lambda write: self.write(snapshot, write)
            )
        except errors.CredentialsRejected as error:
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None

    async def write(self, snapshot: Snapshot, write: PatchStatus) -> None:
        """Write a status, post its Events once it is there, and come back when it says."""
        written = await self._with.writer.status(snapshot, write.status)
        if written is not snapshot.job:
            self._with.events.post(written, write.events)
            self._log_end(written)
        snapshot.facts.retrying = write.retry
        if write.retry:
            self._with.queue.back_off(snapshot.job.key)
        elif write.seconds is not None:
            self.come_back(snapshot.job, write.seconds)
        else:
            self._with.queue.add(snapshot.job.key)

    def _log_end(self, job: Job) -> None:
        if job.finished:
            log.info("a job has ended", **_names(job), state=job.status.state)

    def come_back(self, job: Job, seconds: float | None) -> None:
        """Want a pass in `seconds`, if there is a time."""
        if seconds is not None:
            self._with.queue.add_after(job.key, seconds)

    def ref(self, snapshot: Snapshot) -> KeyRef:
        """The Secret with the job's API key."""
        return snapshot.job.api_key(self._with.default_api_key)

    async def _api_key(self, snapshot: Snapshot) -> ApiKey:
        """The job's key, once the job may call Google with it; raises `Busy` until then."""
        known = self._with.api_keys
        find = known.last_good if snapshot.job.deleting else known.resolve
        api_key = await find(self.ref(snapshot))
        self._with.calls.enter(snapshot.job.key, api_key.key_id)
        return api_key


def _names(job: Job) -> dict[str, str]:
    return {"namespace": job.key.namespace, "name": job.key.name}
