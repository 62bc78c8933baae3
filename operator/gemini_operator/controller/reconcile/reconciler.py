"""One pass over one job: observe, decide, act, write.

Level-triggered: a pass looks at what is, never at what happened, and can be cut off at any
instruction. Of everything it does only the create costs money, and the write-ahead guards that.
"""

from dataclasses import replace

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job, Key, UnreadableJob
from gemini_operator.controller.lifecycle import (
    credentials,
    deletion,
    policies,
)
from gemini_operator.controller.lifecycle.snapshot import (
    Event,
    Snapshot,
    Submit,
)
from gemini_operator.controller.reconcile.actions import Actions, Collaborators
from gemini_operator.controller.reconcile.writer import NotKept, Stale
from gemini_operator.controller.remote.api_keys import CredentialsProblem
from gemini_operator.controller.remote.call_limit import Busy
from gemini_operator.controller.remote.read_budget import Delayed
from gemini_operator.gemini import errors
from gemini_operator.kube.errors import Invalid

# Seconds after a write that was not kept in which the job is left alone, unless it is deleted: the
# events of that write, and of what took it back, are no reason to try again.
LEFT_ALONE = 1.0

HEAVY = "input that is too large or too deep"


class Reconciler:
    """Runs passes; one key is never in two passes at a time (the queue sees to it)."""

    def __init__(self, with_: Collaborators) -> None:
        self._with = with_
        self._actions = Actions(with_)

    async def run(self, key: Key) -> None:
        """
        One pass over `key`.

        Raises:
            KubeError, GeminiError: something did not answer; the next pass starts afresh.
        """
        try:
            await self._run(key)
        finally:
            self._with.calls.leave(key)
            self._with.heavy.leave(key)

    async def _run(self, key: Key) -> None:
        job = self._with.store.get(key) or self._with.store.unreadable(key)
        if job is None:
            return
        try:
            if isinstance(job, UnreadableJob):
                self._with.quota.release(key)
                await self._with.unreadable.reconcile(job)
            else:
                await self._try(self._actions.snapshot(job))
        except Stale:
            await self._read_again(job)

    async def stall(self, key: Key, reason: Reason, detail: str) -> None:
        """
        Say that the job cannot go on, whatever else its status says.

        Raises:
            KubeError: the API server did not take it.
        """
        job = self._with.store.get(key)
        if job is None or job.finished:
            return
        try:
            await self._with.writer.stall(self._actions.snapshot(job), reason, detail)
        except Stale:
            await self._read_again(job)

    async def _try(self, snapshot: Snapshot) -> None:
        """A pass, and what is said where it cannot go on."""
        try:
            await self._pass(snapshot)
            self._set_alarm(snapshot)
        except Busy:
            return
        except Delayed as delayed:
            self._actions.come_back(snapshot.job, delayed.seconds)
        except CredentialsProblem as problem:
            await self._without_credentials(snapshot, problem)
        except NotKept as lost:
            await self._not_kept(snapshot, lost)
        except Invalid as error:
            self._tell_of_refusal(snapshot, error)
            raise
        except errors.GeminiError as error:
            if not snapshot.job.deleting or isinstance(error, errors.NotSent):
                raise
            await self._deletion_blocked(snapshot, error)

    def _set_alarm(self, snapshot: Snapshot) -> None:
        """
        Time alone may give the job something to do; what was written may have changed when.

        It runs from the moment that the pass decided for: what has come due since wakes the job.
        """
        newest = self._with.store.get(snapshot.job.key)
        if newest is not None:
            self._actions.come_back(newest, policies.alarm(replace(snapshot, job=newest)))

    async def _pass(self, snapshot: Snapshot) -> None:
        snapshot.facts.retrying = False
        if snapshot.monotonic < snapshot.facts.unkept_until and not snapshot.job.deleting:
            self._actions.come_back(snapshot.job, snapshot.facts.unkept_until - snapshot.monotonic)
            return
        if snapshot.job.input_problem is not None:
            # Of 1.4 MB a write costs the API server a second: one of them at a time.
            self._with.heavy.enter(snapshot.job.key, HEAVY)
        if self._with.schema.missing:
            await self._wait_for_the_schema(snapshot)
            return
        remote = await self._with.observer.observe(snapshot, self._actions.ref(snapshot))
        decision = policies.decide(snapshot, remote)
        if not isinstance(decision, Submit):
            self._with.quota.release(snapshot.job.key)
        await self._actions.carry_out(snapshot, decision)
        if not snapshot.facts.retrying:
            self._with.queue.forget(snapshot.job.key)

    async def _wait_for_the_schema(self, snapshot: Snapshot) -> None:
        """
        Do nothing, and say so where nothing has been done yet.

        A write to a job that has more than that would take away for good what the CRD of the moment
        does not show.
        """
        status = snapshot.status
        if status.attempt is None and status.batch_name is None and not snapshot.job.has_finalizer:
            raise NotKept(self._with.schema.missing)
        self._with.quota.release(snapshot.job.key)
        self._with.queue.back_off(snapshot.job.key)

    def _tell_of_refusal(self, snapshot: Snapshot, error: Invalid) -> None:
        """In an Event: an object whose spec breaks the rules of the CRD takes no status."""
        reason = Reason.INTERNAL
        event = Event(reason, reason.explain(error.message), warning=True)
        self._with.events.post(snapshot.job, [event])

    async def _not_kept(self, snapshot: Snapshot, lost: NotKept) -> None:
        """The promise rests on what is written: without it nothing is sent."""
        key = snapshot.job.key
        self._with.quota.release(key)
        self._with.schema.suspect()
        await self.stall(key, Reason.SCHEMA_OUTDATED, str(lost))
        snapshot.facts.unkept_until = self._with.clock.monotonic() + LEFT_ALONE
        self._with.queue.back_off(key)

    async def _without_credentials(self, snapshot: Snapshot, problem: CredentialsProblem) -> None:
        self._with.quota.release(snapshot.job.key)
        if snapshot.job.deleting:
            await self._delete_without_credentials(snapshot, problem)
            return
        await self._actions.write(
            snapshot, credentials.stalled(snapshot, problem.reason, str(problem))
        )

    async def _delete_without_credentials(
        self, snapshot: Snapshot, problem: CredentialsProblem
    ) -> None:
        if deletion.out_of_patience(snapshot):
            batch = snapshot.status.batch_name or "unknown"
            release = deletion.left_behind(f"Batch: {batch}. {problem.reason}: {problem}")
            await self._with.cleanup.release(snapshot, release.event)
            return
        event = Event(problem.reason, problem.reason.explain(str(problem)), warning=True)
        self._with.events.post(snapshot.job, [event])
        self._actions.come_back(snapshot.job, 5.0)

    async def _deletion_blocked(self, snapshot: Snapshot, error: errors.GeminiError) -> None:
        decision = deletion.blocked(snapshot, f"{error}.")
        await self._actions.carry_out(snapshot, decision)

    async def _read_again(self, job: Job | UnreadableJob) -> None:
        try:
            await self._with.writer.refresh(job)
        except Stale:
            if self._with.store.unreadable(job.key) is None:
                return
        newest = self._with.store.get(job.key)
        if newest is not None and newest.version == job.version:
            # Not the object is in the way but what is served of it, such as no /status.
            self._with.queue.back_off(job.key)
        else:
            self._with.queue.add(job.key)
