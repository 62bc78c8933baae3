"""One pass over one job: observe, decide, act, write.

Level-triggered: a pass looks at what is, never at what happened, and can be cut off at any
instruction. Of everything it does only the create costs money, and the write-ahead guards that.
"""

from dataclasses import dataclass
from typing import assert_never

from gemini_operator.api.reasons import Reason
from gemini_operator.controller import delivery, disposer
from gemini_operator.controller.adopter import Adopter
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.credentials import Credential, Credentials, CredentialsProblem
from gemini_operator.controller.facts import Memory
from gemini_operator.controller.gate import Gate
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import (
    credentials,
    deletion,
    policies,
    submission,
)
from gemini_operator.controller.lifecycle.view import (
    Adopt,
    Cancel,
    Decision,
    Deliver,
    Dispose,
    Hold,
    Name,
    Notice,
    Release,
    Remove,
    Rules,
    Search,
    Submit,
    View,
    Wait,
    Write,
)
from gemini_operator.controller.listing import Lister
from gemini_operator.controller.notices import Notices
from gemini_operator.controller.observer import Observer
from gemini_operator.controller.queue import KeyedQueue
from gemini_operator.controller.reads import Delayed
from gemini_operator.controller.store import Store
from gemini_operator.controller.submitter import Submitter
from gemini_operator.controller.writer import Stale, Writer
from gemini_operator.gemini import errors
from gemini_operator.kube.client import KubeClient
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

# A listing wakes the jobs it was made for; this is for a wake-up that was lost.
SEARCH_OVERDUE = 120.0

log = get_logger(__name__)


@dataclass(frozen=True)
class Collaborators:
    """Everything a pass works with."""

    store: Store
    queue: KeyedQueue
    memory: Memory
    clock: Clock
    kube: KubeClient
    credentials: Credentials
    gate: Gate
    lister: Lister
    submitter: Submitter
    adopter: Adopter
    observer: Observer
    writer: Writer
    notices: Notices
    rules: Rules
    default_api_key: tuple[str, str]


class Reconciler:
    """Runs passes; one key is never in two passes at a time (the queue sees to it)."""

    def __init__(self, with_: Collaborators) -> None:
        self._with = with_

    async def run(self, key: Key) -> None:
        """
        One pass over `key`.

        Raises:
            KubeError, GeminiError: something did not answer; the next pass starts afresh.
        """
        job = self._with.store.get(key)
        if job is None:
            return
        view = self._view(job)
        try:
            await self._pass(view)
            self._set_alarm(job)
        except Stale:
            await self._read_again(job)
        except Delayed as delayed:
            self._come_back(job, delayed.seconds)
        except CredentialsProblem as problem:
            await self._without_credentials(view, problem)
        except errors.GeminiError as error:
            if not job.deleting:
                raise
            await self._deletion_blocked(view, error)

    def _set_alarm(self, job: Job) -> None:
        """Time alone may give the job something to do; what was written may have changed when."""
        newest = self._with.store.get(job.key)
        if newest is not None:
            self._come_back(newest, policies.alarm(self._view(newest)))

    async def _pass(self, view: View) -> None:
        view.facts.retrying = False
        remote = await self._with.observer.observe(view, self._ref(view))
        decision = policies.decide(view, remote)
        if not isinstance(decision, Submit):
            self._with.gate.leave(view.job.key)
        await self._carry_out(view, decision)
        if not view.facts.retrying:
            self._with.queue.forget(view.job.key)

    def _view(self, job: Job) -> View:
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

    # Act

    async def _carry_out(self, view: View, decision: Decision) -> None:
        match decision:
            case Wait(seconds):
                self._come_back(view.job, seconds)
            case Write():
                await self._write(view, decision)
            case Hold():
                await self._with.writer.hold(view.job)
                self._with.queue.add(view.job.key)
            case Submit(number):
                await self._submit(view, number)
            case Search(seconds):
                await self._search(view, seconds)
            case Name(summary):
                await self._name(view, Name(summary))
            case Deliver(seen):
                client = (await self._credential(view)).client
                await self._write(view, await delivery.deliver(self._with.kube, client, view, seen))
            case Dispose():
                await self._dispose(view, decision)
            case Cancel(batch):
                await self._cancel(view, batch)
            case Adopt():
                await self._adopt(view)
            case Remove():
                await self._with.writer.remove(view.job)
            case Release(notice):
                await self._release(view, notice)
            case _:
                assert_never(decision)

    async def _submit(self, view: View, number: int) -> None:
        credential = await self._credential(view)
        outcome = await self._with.submitter.submit(view, number, credential)
        if isinstance(outcome, Write):
            await self._write(view, outcome)
            return
        after = self._view(outcome.job)
        if outcome.batch is not None:
            await self._name(after, Name(outcome.batch))
        else:
            await self._carry_out(after, policies.decide(after, None))

    async def _search(self, view: View, seconds: float) -> None:
        if seconds > 0:
            self._come_back(view.job, seconds)
            return
        credential = await self._credential(view)
        if view.facts.search is not None:
            view.facts.search.under_way = True
        self._with.lister.search(credential, view.job.key)
        self._come_back(view.job, SEARCH_OVERDUE)

    async def _name(self, view: View, found: Name) -> None:
        attempt = view.status.attempt
        if attempt is None:
            raise Stale
        status = submission.named(view, found.summary)
        fields = submission.named_fields(status)
        try:
            await self._with.writer.name(view.job, attempt.id, fields)
        except Stale:
            await self._unnamed(view, found.summary.name)
            raise
        log.info("a job has its batch", **_names(view.job), batch=found.summary.name)
        self._with.notices.post(view.job, [submission.submitted(found.summary)])
        self._with.queue.add(view.job.key)

    async def _unnamed(self, view: View, batch: str) -> None:
        """The object went away before its batch had a name there (rule P14)."""
        try:
            await self._with.writer.refresh(view.job)
        except Stale:
            if view.job.spec.deletion_policy != "Orphan":
                credential = await self._with.credentials.last_good(self._ref(view))
                await disposer.dispose(credential.client, view.job, batch)
            log.warning(
                "a batch outlived its job", batch=batch, policy=view.job.spec.deletion_policy
            )

    async def _dispose(self, view: View, decision: Dispose) -> None:
        if decision.batches:
            await self._dispose_batches(view, decision)
        if decision.then is None:
            await self._release(view, decision.notice)
        else:
            metrics.DUPLICATES_CANCELLED.inc(len(decision.batches))
            await self._write(view, decision.then)

    async def _dispose_batches(self, view: View, decision: Dispose) -> None:
        credential = await self._with.credentials.last_good(self._ref(view))
        attempt = view.status.attempt
        recorded = attempt.api_key_fingerprint if attempt else None
        changed = recorded not in (None, credential.fingerprint(view.job.uid))
        for name in decision.batches:
            try:
                there = await disposer.dispose(credential.client, view.job, name)
            except errors.CredentialsRejected as error:
                raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
            own = attempt is not None and name == attempt.batch_name
            if changed and own and not there:
                raise CredentialsProblem(
                    Reason.CREDENTIALS_CHANGED, f"{name} was not found with it."
                )

    async def _cancel(self, view: View, batch: str) -> None:
        credential = await self._credential(view)
        try:
            await disposer.cancel(credential.client, view.job, batch)
        except errors.CredentialsRejected as error:
            raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
        view.facts.note_cancel(batch, self._with.clock.monotonic())
        log.info("a batch is being cancelled", **_names(view.job), batch=batch)
        self._with.queue.add(view.job.key)

    async def _adopt(self, view: View) -> None:
        credential, terms = await self._credential(view), view.job.spec.adopt
        if terms is None:
            raise AssertionError("a job without spec.adopt was to adopt a batch")
        async with self._with.adopter.turn:
            try:
                write = await self._with.adopter.adopt(view, terms, credential)
            except errors.CredentialsRejected as error:
                raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
            await self._write(view, write)

    async def _release(self, view: View, notice: Notice | None) -> None:
        await self._with.writer.release(view.job)
        if notice is not None:
            self._with.notices.post(view.job, [notice])
            if notice.reason == Reason.BATCH_LEFT_BEHIND:
                metrics.BATCHES_LEFT_BEHIND.inc()
                log.error("a batch is left behind", **_names(view.job), detail=notice.note)

    # Write

    async def _write(self, view: View, write: Write) -> None:
        written = await self._with.writer.status(view, write.status)
        if written is not view.job:
            self._with.notices.post(written, write.notices)
            self._log_end(written)
        view.facts.retrying = write.retry
        if write.retry:
            self._with.queue.back_off(view.job.key)
        elif write.seconds is not None:
            self._come_back(view.job, write.seconds)
        else:
            self._with.queue.add(view.job.key)

    def _log_end(self, job: Job) -> None:
        if job.finished:
            log.info("a job has ended", **_names(job), state=job.status.state)

    async def _without_credentials(self, view: View, problem: CredentialsProblem) -> None:
        self._with.gate.leave(view.job.key)
        if view.job.deleting:
            await self._delete_without_credentials(view, problem)
            return
        await self._write(view, credentials.stalled(view, problem.reason, str(problem)))

    async def _delete_without_credentials(self, view: View, problem: CredentialsProblem) -> None:
        if deletion.out_of_patience(view):
            batch = view.status.batch_name or "unknown"
            release = deletion.left_behind(f"Batch: {batch}. {problem.reason}: {problem}")
            await self._release(view, release.notice)
            return
        notice = Notice(problem.reason, problem.reason.explain(str(problem)), warning=True)
        self._with.notices.post(view.job, [notice])
        self._come_back(view.job, 5.0)

    async def _deletion_blocked(self, view: View, error: errors.GeminiError) -> None:
        decision = deletion.blocked(view, f"{error}.")
        await self._carry_out(view, decision)

    async def _read_again(self, job: Job) -> None:
        try:
            await self._with.writer.refresh(job)
        except Stale:
            return
        self._with.queue.add(job.key)

    # Shared

    def _come_back(self, job: Job, seconds: float | None) -> None:
        if seconds is not None:
            self._with.queue.add_after(job.key, seconds)

    def _ref(self, view: View) -> KeyRef:
        return view.job.api_key(self._with.default_api_key)

    async def _credential(self, view: View) -> Credential:
        ref = self._ref(view)
        if view.job.deleting:
            return await self._with.credentials.last_good(ref)
        return await self._with.credentials.resolve(ref)


def _names(job: Job) -> dict[str, str]:
    return {"namespace": job.key.namespace, "name": job.key.name}
