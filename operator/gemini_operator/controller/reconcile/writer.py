"""All writes of the controller to a job's object.

A status is a merge patch on a resourceVersion, so that it never overwrites what it has not seen. A
batch name is a JSON patch that tests uid and attempt, so that other changes cannot stop it. Every
answer goes into the store (P1).
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gemini_operator.api import group
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job, JobReader, UnreadableJob
from gemini_operator.controller.lifecycle.progress import problem, with_progress
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.reconcile.write_errors import NotKept, Stale, WriteRefused
from gemini_operator.controller.store import Store
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs

# Seconds between tries to write a batch name; the last one repeats. The name is tried for ever:
# what it names is paid for.
NAMING_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = get_logger(__name__)


class Writer:
    """Writes objects, and puts every answer into the store (P1).

    Args:
        batch_jobs: the API server.
        store: gets the answers.
        reader: projects them.
    """

    def __init__(self, batch_jobs: BatchJobs, store: Store, reader: JobReader) -> None:
        self._reader = reader
        self._batch_jobs = batch_jobs
        self._store = store

    def check(self, job: Job) -> None:
        """Check in the store, without a request, that the object still exists.

        Raises:
            Stale: it is gone, or another object has its name.
        """
        known = self._store.get(job.key)
        if known is None or known.uid != job.uid:
            raise Stale

    def is_gone(self, job: Job) -> bool:
        """Whether the object is known to be gone or another incarnation; one that is unreadable is not."""
        known = self._store.get(job.key) or self._store.unreadable(job.key)
        return known is None or known.uid != job.uid

    async def refresh(self, job: Job | UnreadableJob) -> Mapping[str, Any]:
        """Read the object from the API server into the store, and return it.

        Raises:
            Stale: it is gone or unreadable, or another object has its name.
            KubeError: the API server did not answer.
        """
        try:
            body = await self._batch_jobs.get(*job.key)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
            raise Stale from None
        if body["metadata"]["uid"] != job.uid:
            # The new object is left to the watch, which wakes its first reconcile: for a store that
            # has it already the event would be no news.
            self._store.remove(job.key, job.uid)
            raise Stale
        self._keep(body)
        return body

    async def confirm(self, job: Job) -> Mapping[str, Any]:
        """Read the object, check that it equals `job`, and return it.

        For a minute after the CRD was replaced, a watch may use the old schema and show a job
        without its attempt (decision 0021).

        Raises:
            Stale: it does not equal `job`.
            KubeError: the API server did not answer.
        """
        body = await self.refresh(job)
        # The store keeps the known object if the answer has the same version and is equal.
        if self._store.get(job.key) is not job:
            raise Stale
        return body

    async def status(self, snapshot: Snapshot, status: Status) -> Job:
        """Write `status` over the snapshot's version of the object.

        Returns:
            The job as the API server answered; the snapshot's own if the status is equal, in which
            case nothing is sent.

        Raises:
            Stale: the object has changed since.
            NotKept: the API server did not keep what was written, and it was taken back.
            Invalid, Forbidden: the API server refused `status`; the job says so instead.
            KubeError: the API server did not answer.
        """
        job, status = snapshot.job, with_progress(snapshot, status)
        patch = patches.status_patch(job.stored_status, status.dump(), job.resource_version)
        if patch is None:
            return job
        try:
            body = await self._send_status(job, patch)
        except (errors.Invalid, errors.Forbidden) as error:
            log.error("the API server refused a status", **job.key._asdict(), error=str(error))
            forbidden = isinstance(error, errors.Forbidden)
            reason = Reason.WRITE_REFUSED if forbidden else Reason.INTERNAL
            await self.stall(snapshot, reason, error.message)
            # The caller must not go on as if the status were written: a create needs its
            # write-ahead.
            raise
        if lost := patches.not_kept({"status": patch["status"]}, body):
            await self._take_back(job, body)
            raise NotKept(lost)
        return self._keep(body)

    async def stall(self, snapshot: Snapshot, reason: Reason, detail: str) -> None:
        """Write `Stalled` in a status that fits any schema: nothing but conditions and a reason.

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not accept the write.
        """
        # Only the conditions: another field of the status may be what the API server refused.
        known = Status(conditions=snapshot.status.conditions)
        stalled = problem(snapshot, known, reason, reason.explain(detail))
        stalled = with_progress(snapshot, stalled)
        if stalled.conditions != known.conditions:
            await self.conditions(snapshot.job, stalled.dump()["conditions"], reason)

    async def conditions(
        self, job: Job | UnreadableJob, conditions: Sequence[Mapping[str, Any]], reason: Reason
    ) -> None:
        """Write the conditions and their reason alone, over the version of `job`.

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not accept the write.
        """
        metadata = {"resourceVersion": job.resource_version}
        status = {"conditions": conditions, "reason": reason.value}
        patch = {"metadata": metadata, "status": status}
        body = await self._send_status(job, patch)
        # Not `_keep`: that raises for an unreadable object, for which this write is made too.
        self._store.put(self._reader.read(body), answered=True)

    async def add_finalizer(self, job: Job) -> None:
        """Add our finalizer.

        Raises:
            Stale: the object has changed since.
            NotKept: an admission webhook removed the finalizer again.
            WriteRefused: the API server refused it.
            KubeError: the API server did not answer.
        """
        metadata = {"finalizers": list(job.finalizers), "resourceVersion": job.resource_version}
        patch = patches.add_finalizer(metadata, group.FINALIZER)
        try:
            with self._stale_on_conflict():
                body = await self._batch_jobs.patch(*job.key, patch, merge=True)
        except (errors.Forbidden, errors.Invalid) as error:
            raise WriteRefused(error.message) from None
        self._kept(body, {"metadata": {"finalizers": patch["metadata"]["finalizers"]}})

    async def remove_finalizer(self, job: Job | UnreadableJob) -> None:
        """Remove our finalizer; an object that is gone needs nothing.

        Raises:
            Stale: the finalizers have changed since.
            KubeError: the API server did not answer.
        """
        metadata = {"finalizers": list(job.finalizers), "uid": job.uid}
        patch = patches.remove_finalizer(metadata, group.FINALIZER)
        if not patch:
            return
        try:
            await self._batch_jobs.patch(*job.key, patch, merge=False)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
        except errors.Invalid as error:
            # An Invalid with causes is the schema's; one without is a failed test of the patch.
            if error.has_causes:
                raise
            await self.refresh(job)
            raise Stale from None

    async def delete_object(self, job: Job) -> None:
        """Delete the object, but no other object that has its name by now.

        Raises:
            Stale: another object has its name.
            KubeError: the API server did not answer.
        """
        try:
            await self._batch_jobs.delete(*job.key, job.uid)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
        except errors.Conflict:
            raise Stale from None

    async def name(self, job: Job, attempt_id: str, fields: Mapping[str, Any]) -> None:
        """Write the name of a batch that exists; retry until the API server answers.

        Args:
            job: the batch's job.
            attempt_id: the attempt that the object must still have.
            fields: values by their paths below `/status`.

        Raises:
            Stale: the object is gone, or has another attempt or batch (P14).
            NotKept: the API server did not keep the name.
        """
        patch = patches.name_batch(job.uid, attempt_id, fields)
        tries = 0
        while True:
            try:
                body = await self._batch_jobs.patch_status(*job.key, patch, merge=False)
                self._kept(body, {"status": patches.nested(fields)})
                return
            except errors.ObjectNotFound:
                raise Stale from None
            except errors.KubeError as error:
                # A test of the patch failed. An earlier try whose answer was lost may be the
                # reason: it wrote the name, so there is no longer an attempt without one.
                if isinstance(error, errors.Invalid) and not error.has_causes:
                    await self._landed(job, attempt_id, fields)
                    return
                log.warning(
                    "a batch name could not be written yet",
                    **job.key._asdict(),
                    error=str(error),
                )
                delay = NAMING_DELAYS[min(tries, len(NAMING_DELAYS) - 1)]
                await asyncio.sleep(max(delay, error.retry_after or 0.0))
                tries += 1

    async def _landed(self, job: Job, attempt_id: str, fields: Mapping[str, Any]) -> None:
        """Check that an earlier try, whose answer was lost, wrote the name.

        Raises:
            Stale: it did not; the object has changed.
        """
        status = (await self.refresh(job)).get("status") or {}
        attempt = status.get("attempt") or {}
        wanted = attempt_id, fields["attempt/batchName"]
        if (attempt.get("id"), attempt.get("batchName")) != wanted:
            raise Stale

    async def _take_back(self, job: Job, body: Mapping[str, Any]) -> None:
        """Write the old status over one that was kept in part.

        Half an attempt, or a status without its attempt, would be taken for what it shows.
        """
        version = body["metadata"]["resourceVersion"]
        patch = patches.status_patch(body.get("status") or {}, job.stored_status, version)
        if patch is not None:
            body = await self._send_status(job, patch)
        self._store.put(self._reader.read(body), answered=True)

    async def _send_status(
        self, job: Job | UnreadableJob, patch: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        with self._stale_on_conflict():
            return await self._batch_jobs.patch_status(*job.key, patch, merge=True)

    @contextlib.contextmanager
    def _stale_on_conflict(self) -> Iterator[None]:
        try:
            yield
        except (errors.Conflict, errors.ObjectNotFound):
            raise Stale from None

    def _keep(self, body: Mapping[str, Any]) -> Job:
        found = self._reader.read(body)
        self._store.put(found, answered=True)
        if isinstance(found, UnreadableJob):
            raise Stale
        return found

    def _kept(self, body: Mapping[str, Any], sent: Mapping[str, Any]) -> Job:
        """Return the job in the answer `body`.

        Raises:
            NotKept: something of what was `sent` is missing in it.
        """
        job = self._keep(body)
        if lost := patches.not_kept(sent, body):
            raise NotKept(lost)
        return job
