"""One reconcile of one job: read the batch if needed, decide, do one thing, write one status.

Reconciles are level-triggered: they look at the current state, never at an event, and can be
interrupted at any instruction. Only the create costs money, and the write-ahead guards it.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.controller.job import Job, Key, UnreadableJob
from gemini_operator.controller.lifecycle import decisions, policies
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import stalled
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.reconcile.adopter import Adopter
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.delivery import Delivery
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.naming import BatchNames
from gemini_operator.controller.reconcile.outcome import Outcome
from gemini_operator.controller.reconcile.outdated_schema import OutdatedSchema
from gemini_operator.controller.reconcile.snapshots import Snapshots
from gemini_operator.controller.reconcile.submitter import Submitter
from gemini_operator.controller.reconcile.unreadable import UnreadableJobs
from gemini_operator.controller.reconcile.uploader import Uploader
from gemini_operator.controller.reconcile.write_errors import NotKept, Stale, WriteRefused
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import CredentialsProblem
from gemini_operator.controller.remote.call_limit import Busy, CallLimit
from gemini_operator.controller.remote.read_budget import Delayed
from gemini_operator.controller.remote.reads import observe
from gemini_operator.controller.remote.rejected_keys import RejectedKeys
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.controller.transfers import Transfers
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.gemini import errors
from gemini_operator.kube.errors import Forbidden, Invalid

# A list wakes the jobs it was made for. This timer, in seconds, is for a wake-up that is lost.
SEARCH_OVERDUE = 120.0

TRIES_AGAIN = frozenset({Outcome.BUSY, Outcome.STALE})
"""Ends of a reconcile after which the job comes back within seconds, and has done nothing wrong.

Not one that is delayed: Google may have asked for an hour without reads, for which nobody could
copy anything."""


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """Reconciles jobs. The queue makes sure that a key is never reconciled twice at a time."""

    store: Store
    queue: KeyedQueue
    snapshots: Snapshots
    outdated_schema: OutdatedSchema
    quota: Quota
    access: RemoteAccess
    heavy: CallLimit
    sweeper: Sweeper
    rejected_keys: RejectedKeys
    writer: Writer
    events: EventRecorder
    submitter: Submitter
    names: BatchNames
    delivery: Delivery
    adopter: Adopter
    uploader: Uploader
    transfers: Transfers
    cleanup: Cleanup
    unreadable: UnreadableJobs

    async def run(self, key: Key) -> Outcome:
        """Reconcile `key` once.

        Raises:
            KubeError, GeminiError: a server did not answer; the next reconcile starts afresh.
        """
        outcome: Outcome | None = None
        try:
            outcome = await self._run(key)
            return outcome
        finally:
            # However the reconcile ends, the next job may call Google.
            self.access.leave(key)
            self.heavy.leave(key)
            # A job that cannot use its turn, for example without an API key, must not keep it (S10).
            if outcome not in TRIES_AGAIN:
                self.transfers.give_up_turn(key)
            if (job := self.store.get(key)) is not None:
                self.rejected_keys.note(job)

    async def stall(self, key: Key, reason: Reason, detail: str) -> None:
        """Write `Stalled` to the job, unless it is gone or has ended.

        Raises:
            KubeError: the API server did not accept the write.
        """
        job = self.store.get(key)
        if job is None or job.finished:
            return
        try:
            await self.writer.stall(self.snapshots.take(job), reason, detail)
        except Stale:
            await self._read_again(job)

    async def _run(self, key: Key) -> Outcome:
        job = self.store.get(key) or self.store.unreadable(key)
        if job is None:
            await self.transfers.stop(key)
            return Outcome.OK
        try:
            if isinstance(job, UnreadableJob):
                await self.transfers.stop(key)
                # It cannot submit. A slot that an open batch uses stays in use.
                self.quota.release(key)
                await self.unreadable.reconcile(job)
                return Outcome.OK
            return await self._try(self.snapshots.take(job))
        except Stale:
            await self._read_again(job)
            return Outcome.STALE

    async def _try(self, snapshot: Snapshot) -> Outcome:
        """Reconcile, and turn errors that concern this job alone into its status or an Event."""
        try:
            return await self._try_to_tell(snapshot)
        except (Invalid, Forbidden) as error:
            # An Event, because the API server refuses every status of an object whose spec breaks
            # the CRD's rules, and may forbid every write.
            reason = Reason.INTERNAL if isinstance(error, Invalid) else Reason.WRITE_REFUSED
            note = reason.explain(error.message)
            self.events.post(snapshot.job, [decisions.Event(reason, note, warning=True)])
            raise

    async def _try_to_tell(self, snapshot: Snapshot) -> Outcome:
        try:
            outcome = await self._reconcile(snapshot)
            self._set_alarm(snapshot)
            return outcome
        except Busy:
            # The call limit wakes the job; there is nothing to retry.
            return Outcome.BUSY
        except Delayed as delayed:
            self.queue.add_after(snapshot.job.key, delayed.seconds)
            return Outcome.DELAYED
        except (CredentialsProblem, errors.CredentialsRejected) as problem:
            self.quota.release(snapshot.job.key)
            reason = getattr(problem, "reason", Reason.CREDENTIALS_REJECTED)
            decision = policies.without_credentials(snapshot, reason, str(problem))
            await self._carry_out(snapshot, decision)
            return Outcome.CREDENTIALS
        except NotKept as lost:
            await self.outdated_schema.not_kept(self._newest(snapshot), lost)
            return Outcome.SCHEMA_OUTDATED
        except WriteRefused as refused:
            decision = stalled(snapshot, Reason.WRITE_REFUSED, f"{refused}.")
            await self._carry_out(snapshot, decision)
            return Outcome.RETRY
        except errors.GeminiError as error:
            # `NotSent` means here that this process may no longer act, so it must not write either.
            if isinstance(error, errors.NotSent):
                raise
            newest = self._newest(snapshot)
            seconds = newest.monotonic - snapshot.monotonic
            await self._carry_out(newest, policies.unanswered(newest, error, seconds))
            return Outcome.RETRY

    def _newest(self, snapshot: Snapshot) -> Snapshot:
        """Return the job as it is now: the reconcile may have written it before it failed."""
        return self.snapshots.take(self.store.get(snapshot.job.key) or snapshot.job)

    async def _reconcile(self, snapshot: Snapshot) -> Outcome:
        job, facts = snapshot.job, snapshot.facts
        facts.retrying = False
        if snapshot.monotonic < facts.unkept_until and not job.deleting:
            self.queue.add_after(job.key, facts.unkept_until - snapshot.monotonic)
            return Outcome.DELAYED
        if job.input_problem is not None:
            # A write to an object of 1.4 MB costs the API server a second of CPU: one at a time
            # (decision 0019).
            self.heavy.enter(job.key, "large input")
        if self.outdated_schema.holds_back(snapshot):
            return Outcome.SCHEMA_OUTDATED
        copied = self.delivery.under_way(snapshot)
        remote = copied or await observe(snapshot, self.access)
        # A read may take minutes, and its answer is as of now.
        snapshot = snapshot if remote is None else self.snapshots.take(job)
        decision = policies.decide(snapshot, remote)
        # A job that was woken for a slot and no longer wants it gives it to the next job.
        if not isinstance(decision, decisions.Submit):
            self.quota.release(job.key)
        if not isinstance(decision, decisions.Upload | decisions.Deliver):
            await self.transfers.stop(job.key)
        await self._carry_out(snapshot, decision)
        if facts.retrying:
            return Outcome.RETRY
        self.queue.forget(job.key)
        return Outcome.OK

    async def _carry_out(  # noqa: C901, PLR0912 - one arm for each decision
        self, snapshot: Snapshot, decision: decisions.Decision
    ) -> None:
        """Carry out a decision.

        Raises:
            Stale: the object has changed since; what was done can be done again.
            CredentialsProblem: there is no usable key.
            Busy: other jobs of the key or the namespace are calling Google.
            KubeError, GeminiError: no answer for now.
        """
        job = snapshot.job
        match decision:
            case decisions.RequeueAfter(seconds):
                self._requeue_after(job, seconds)
            case decisions.PatchStatus():
                await self._write(snapshot, decision)
            case decisions.AddFinalizer():
                await self.writer.add_finalizer(job)
                self.queue.add(job.key)
            case decisions.ListRemote(seconds):
                await self._list(snapshot, seconds)
            case decisions.DeleteObject():
                await self.writer.delete_object(job)
            case decisions.RemoveFinalizer(event):
                await self.cleanup.release(snapshot, event)
            case decisions.Upload(file_name):
                await self._write(snapshot, await self.uploader.upload(snapshot, file_name))
            case decisions.Submit(number):
                await self._submit(snapshot, number)
            case decisions.RecordBatchName(summary):
                await self.names.record(snapshot, summary)
                self.queue.add(job.key)
            case decisions.Deliver(observation):
                api_key = await self.access.enter(job)
                await self._write(
                    snapshot, await self.delivery.deliver(snapshot, observation, api_key)
                )
            case decisions.DeleteRemote(batches, then, event, files):
                await self.cleanup.delete(snapshot, batches)
                await self.cleanup.delete_files(snapshot, files)
                if then is None:
                    await self.cleanup.release(snapshot, event)
                else:
                    metrics.DUPLICATES_CANCELLED.inc(len(batches))
                    await self._write(snapshot, then)
            case decisions.Cancel(batch):
                await self.cleanup.cancel(snapshot, await self.access.enter(job), batch)
                # A fact and not a status: if it is lost, the cancel is sent again, which is safe.
                snapshot.facts.note_cancel(batch, self.snapshots.monotonic())
                snapshot.facts.failed_calls = 0
                self.queue.add(job.key)
            case decisions.Adopt():
                api_key = await self.access.enter(job)
                await self.adopter.adopt(
                    snapshot, api_key, lambda patch: self._write(snapshot, patch)
                )
            case _:
                assert_never(decision)

    async def _submit(self, snapshot: Snapshot, number: int) -> None:
        # A job that only waits for its turn to call Google keeps its slot meanwhile.
        with self.submitter.reserved_slot(snapshot.job, kept_on=(Busy,)):
            api_key = await self.access.enter(snapshot.job)
        job, decision = await self.submitter.submit(snapshot, number, api_key)
        # The create took time and wrote the job, so what follows is decided on a new snapshot.
        after = snapshot if job is snapshot.job else self.snapshots.take(job)
        await self._carry_out(after, decision or policies.decide(after, None))

    async def _list(self, snapshot: Snapshot, seconds: float) -> None:
        if seconds > 0:
            self.queue.add_after(snapshot.job.key, seconds)
            return
        api_key = await self.access.enter(snapshot.job)
        if snapshot.facts.search is not None:
            snapshot.facts.search.under_way = True
        self.sweeper.search(api_key, snapshot.job.key)
        self.queue.add_after(snapshot.job.key, SEARCH_OVERDUE)

    async def _write(self, snapshot: Snapshot, patch: decisions.PatchStatus) -> None:
        """Write a status, then post its Events and schedule the next reconcile."""
        job = await self.writer.status(snapshot, patch.status)
        # The same object means that the status was equal and nothing was sent: no news, no Event.
        if job is not snapshot.job:
            self.events.post(job, patch.events)
        snapshot.facts.retrying = patch.retry
        if patch.retry:
            self.queue.back_off(job.key, at_least=patch.seconds or 0.0)
        elif patch.seconds is not None:
            self.queue.add_after(job.key, patch.seconds)
        else:
            self.queue.add(job.key)

    def _requeue_after(self, job: Job, seconds: float | None) -> None:
        if seconds is not None:
            self.queue.add_after(job.key, seconds)

    def _set_alarm(self, snapshot: Snapshot) -> None:
        """Schedule a reconcile for the job's deadline, TTL or overdue batch."""
        # The newest version, as this reconcile may have written a start or a completion time.
        newest = self.store.get(snapshot.job.key)
        if newest is not None:
            self._requeue_after(newest, policies.alarm(replace(snapshot, job=newest)))

    async def _read_again(self, job: Job | UnreadableJob) -> None:
        try:
            await self.writer.refresh(job)
        except Stale:
            if self.store.unreadable(job.key) is None:
                return
        newest = self.store.get(job.key)
        if newest is not None and newest.version == job.version:
            # The write failed although nothing has changed, for example because the API server
            # does not serve /status. To retry at once would be a loop.
            self.queue.back_off(job.key)
        else:
            self.queue.add(job.key)
