"""The third and fourth step of a pass: at most one outward effect, then one status write."""

from dataclasses import dataclass
from typing import assert_never

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.facts import Memory
from gemini_operator.controller.job import Job, KeyRef
from gemini_operator.controller.lifecycle import completion, policies, submission
from gemini_operator.controller.lifecycle.view import (
    Adopt,
    Cancel,
    Decision,
    Deliver,
    Dispose,
    Hold,
    Name,
    Release,
    Remove,
    Rules,
    Search,
    Submit,
    View,
    Wait,
    Write,
)
from gemini_operator.controller.queue import KeyedQueue
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
from gemini_operator.gemini import errors
from gemini_operator.gemini.remote import Observation
from gemini_operator.kube.client import KubeClient
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

# A listing wakes the jobs it was made for; this is for a wake-up that was lost.
SEARCH_OVERDUE = 120.0

AtGoogle = Submit | Name | Deliver | Dispose | Cancel | Adopt

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

    def view(self, job: Job) -> View:
        """The job at this moment, with what this process remembers of it."""
        w = self._with
        facts = w.memory.of(job)
        view = View(job, facts, w.clock.now(), w.clock.monotonic(), w.rules)
        attempt = job.status.attempt
        if job.deleting and facts.deleting_since is None:
            facts.deleting_since = view.monotonic
        if attempt is None or attempt.batch_name is not None:
            facts.search = None
        else:
            facts.begin_search(
                attempt,
                now=view.now,
                monotonic=view.monotonic,
                timeout=w.rules.create_timeout,
                grace=w.rules.submit_grace,
            )
        return view

    async def carry_out(self, view: View, decision: Decision) -> None:
        """
        Do what was decided.

        Raises:
            Stale: the object has changed since; nothing was done that cannot be done again.
            CredentialsProblem: there is no usable key.
            Busy: others of the key or the namespace call Google.
            KubeError, GeminiError: no answer for now.
        """
        match decision:
            case Wait(seconds):
                self.come_back(view.job, seconds)
            case Write():
                await self.write(view, decision)
            case Hold():
                await self._with.writer.hold(view.job)
                self._with.queue.add(view.job.key)
            case Search(seconds):
                await self._search(view, seconds)
            case Remove():
                await self._with.writer.remove(view.job)
            case Release(event):
                await self._with.cleanup.release(view, event)
            case _:
                await self._at_google(view, decision)

    async def _at_google(self, view: View, decision: AtGoogle) -> None:
        match decision:
            case Submit(number):
                await self._submit(view, number)
            case Name(summary):
                await self._name(view, Name(summary))
            case Deliver(seen):
                await self.write(view, await self._deliver(view, seen))
            case Dispose():
                await self._dispose(view, decision)
            case Cancel(batch):
                await self._cancel(view, batch)
            case Adopt():
                await self._adopt(view)
            case _:
                assert_never(decision)

    async def _submit(self, view: View, number: int) -> None:
        with self._with.submitter.place(view.job, kept_on=(Busy,)):
            api_key = await self._api_key(view)
        outcome = await self._with.submitter.submit(view, number, api_key)
        if isinstance(outcome, Write):
            await self.write(view, outcome)
            return
        after = self.view(outcome.job)
        if outcome.batch is not None:
            await self._name(after, Name(outcome.batch))
        else:
            await self.carry_out(after, policies.decide(after, None))

    async def _search(self, view: View, seconds: float) -> None:
        if seconds > 0:
            self.come_back(view.job, seconds)
            return
        api_key = await self._api_key(view)
        if view.facts.search is not None:
            view.facts.search.under_way = True
        self._with.sweeper.search(api_key, view.job.key)
        self.come_back(view.job, SEARCH_OVERDUE)

    async def _name(self, view: View, found: Name) -> None:
        attempt = view.status.attempt
        if attempt is None:
            raise Stale
        status = submission.named(view, found.summary)
        fields = submission.named_fields(status)
        try:
            await self._with.writer.name(view.job, attempt.id, fields)
        except Stale:
            # What cannot be read may well have the name.
            if self._with.store.unreadable(view.job.key) is None:
                await self._with.cleanup.unnamed(view, self.ref(view), found.summary.name)
            raise
        log.info("a job has its batch", **_names(view.job), batch=found.summary.name)
        self._with.events.post(view.job, [submission.submitted(view, found.summary)])
        self._with.queue.add(view.job.key)

    async def _dispose(self, view: View, decision: Dispose) -> None:
        await self._with.cleanup.dispose(view, self.ref(view), decision.batches)
        if decision.then is None:
            await self._with.cleanup.release(view, decision.event)
        else:
            metrics.DUPLICATES_CANCELLED.inc(len(decision.batches))
            await self.write(view, decision.then)

    async def _deliver(self, view: View, seen: Observation) -> Write:
        api_key = await self._api_key(view)
        if await self._with.claims.held_by_another(view.job, seen.summary, api_key):
            return completion.somebody_elses(view, seen)
        return await delivery.deliver(self._with.kube, api_key.client, view, seen)

    async def _cancel(self, view: View, batch: str) -> None:
        api_key = await self._api_key(view)
        try:
            await self._with.disposer.cancel(api_key, view.job, batch)
        except errors.CredentialsRejected as error:
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
        view.facts.note_cancel(batch, self._with.clock.monotonic())
        log.info("a batch is being cancelled", **_names(view.job), batch=batch)
        self._with.queue.add(view.job.key)

    async def _adopt(self, view: View) -> None:
        api_key, terms = await self._api_key(view), view.job.spec.adopt
        if terms is None:
            raise AssertionError("a job without spec.adopt was to adopt a batch")
        try:
            await self._with.adopter.adopt(
                view, terms, api_key, lambda write: self.write(view, write)
            )
        except errors.CredentialsRejected as error:
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None

    async def write(self, view: View, write: Write) -> None:
        """Write a status, post its Events once it is there, and come back when it says."""
        written = await self._with.writer.status(view, write.status)
        if written is not view.job:
            self._with.events.post(written, write.events)
            self._log_end(written)
        view.facts.retrying = write.retry
        if write.retry:
            self._with.queue.back_off(view.job.key)
        elif write.seconds is not None:
            self.come_back(view.job, write.seconds)
        else:
            self._with.queue.add(view.job.key)

    def _log_end(self, job: Job) -> None:
        if job.finished:
            log.info("a job has ended", **_names(job), state=job.status.state)

    def come_back(self, job: Job, seconds: float | None) -> None:
        """Want a pass in `seconds`, if there is a time."""
        if seconds is not None:
            self._with.queue.add_after(job.key, seconds)

    def ref(self, view: View) -> KeyRef:
        """The Secret with the job's API key."""
        return view.job.api_key(self._with.default_api_key)

    async def _api_key(self, view: View) -> ApiKey:
        """The job's key, once the job may call Google with it; raises `Busy` until then."""
        known = self._with.api_keys
        find = known.last_good if view.job.deleting else known.resolve
        api_key = await find(self.ref(view))
        self._with.calls.enter(view.job.key, api_key.key_id)
        return api_key


def _names(job: Job) -> dict[str, str]:
    return {"namespace": job.key.namespace, "name": job.key.name}
