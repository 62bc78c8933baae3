"""Every write of the controller to a job's object, in the forms of protocol A."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.job import Job, JobReader, UnreadableJob
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.store import Store
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.telemetry.logs import get_logger

NAMING_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = get_logger(__name__)


class Stale(Exception):
    """The object has changed or gone: what was decided is void; decide again."""


class NotKept(Exception):
    """The API server answered 200 and did not keep what was written; nothing may lean on it.

    Args:
        fields: the paths of what is not there.
    """

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"Not kept: {', '.join(fields[:5])}.")


class Writer:
    """Writes, and keeps the store as new as the answers (rule P1)."""

    def __init__(self, batch_jobs: BatchJobs, store: Store, reader: JobReader) -> None:
        self._reader = reader
        self._batch_jobs = batch_jobs
        self._store = store

    def check(self, job: Job) -> None:
        """Make sure, without asking anybody, that the object is not known to be gone.

        Raises:
            Stale: it is gone or another incarnation.
        """
        known = self._store.get(job.key)
        if known is None or known.uid != job.uid:
            raise Stale

    async def refresh(self, job: Job | UnreadableJob) -> Mapping[str, Any]:
        """Read the object and keep it.

        Raises:
            Stale: it is gone, another incarnation, or cannot be read.
            KubeError: the API server did not answer.
        """
        try:
            body = await self._batch_jobs.get(*job.key)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
            raise Stale from None
        if self._keep(body).uid != job.uid:
            raise Stale
        return body

    async def confirm(self, job: Job) -> Mapping[str, Any]:
        """Read the object and make sure that it is still what `job` says.

        A watch may go by an older schema for a minute after the CRD was replaced, and show no
        attempt where there is one.

        Raises:
            Stale: it is not.
            KubeError: the API server did not answer.
        """
        body = await self.refresh(job)
        if self._store.get(job.key) is not job:
            raise Stale
        return body

    async def status(self, snapshot: Snapshot, status: Status) -> Job:
        """Write `status` over the version that the view saw; an equal one is not sent.

        Raises:
            Stale: the object has changed since.
            NotKept: the API server did not keep what was written.
            Invalid: the API server refused `status`; the job now says so, and nothing else.
            KubeError: the API server did not answer.
        """
        job = snapshot.job
        patch = patches.status_patch(job.stored_status, status.dump(), job.resource_version)
        if patch is None:
            return job
        try:
            body = await self._send_status(job, patch)
        except errors.Invalid as error:
            log.error("the API server refused a status", **job.key._asdict(), error=str(error))
            await self.stall(snapshot, Reason.INTERNAL, error.message)
            # Whoever asked must not go on as if it were written: a create needs its write-ahead.
            raise
        if lost := patches.not_kept({"status": patch["status"]}, body):
            await self._take_back(job, body)
            raise NotKept(lost)
        return self._keep(body)

    async def stall(self, snapshot: Snapshot, reason: Reason, detail: str) -> None:
        """Say in a status that fits any schema that the job cannot go on (rule S22).

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not take even that.
        """
        known = Status(conditions=snapshot.status.conditions)
        stalled = snapshot.condition(known, STALLED, True, reason, reason.explain(detail))
        if stalled.conditions != known.conditions:
            await self.conditions(snapshot.job, stalled.dump()["conditions"])

    async def conditions(
        self, job: Job | UnreadableJob, conditions: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write the conditions alone, over the version of `job`.

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not take it.
        """
        metadata = {"resourceVersion": job.resource_version}
        patch = {"metadata": metadata, "status": {"conditions": conditions}}
        body = await self._send_status(job, patch)
        self._store.put(self._reader.read(body), answered=True)

    async def add_finalizer(self, job: Job) -> None:
        """Add our finalizer.

        Raises:
            Stale: the object has changed since.
            NotKept: an admission webhook took the finalizer away again.
            KubeError: the API server did not answer.
        """
        metadata = {"finalizers": list(job.finalizers), "resourceVersion": job.resource_version}
        patch = patches.add_finalizer(metadata, group.FINALIZER)
        with self._stale_on_conflict():
            body = await self._batch_jobs.patch(*job.key, patch, merge=True)
        self._kept(body, {"metadata": {"finalizers": patch["metadata"]["finalizers"]}})

    async def remove_finalizer(self, job: Job | UnreadableJob) -> None:
        """Remove our finalizer; an object that is gone is released already."""
        metadata = {"finalizers": list(job.finalizers), "uid": job.uid}
        patch = patches.remove_finalizer(metadata, group.FINALIZER)
        if not patch:
            return
        try:
            await self._batch_jobs.patch(*job.key, patch, merge=False)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
        except errors.Invalid as error:
            if error.has_causes:
                raise
            await self.refresh(job)
            raise Stale from None

    async def delete_object(self, job: Job) -> None:
        """Delete the object, and no other incarnation of its name.

        Raises:
            Stale: it is another one by now.
            KubeError: the API server did not answer.
        """
        try:
            await self._batch_jobs.delete(*job.key, job.uid)
        except errors.ObjectNotFound:
            self._store.remove(job.key, job.uid)
        except errors.Conflict:
            raise Stale from None

    async def name(self, job: Job, attempt_id: str, fields: Mapping[str, Any]) -> None:
        """Write the name of a batch that exists: tried until it lands, whatever else is written.

        Raises:
            Stale: the object is gone, another one, or has another attempt or batch (rule P14).
            NotKept: the API server did not keep the name.
        """
        patch = patches.name_batch(job.uid, attempt_id, fields)
        tries = 0
        while True:
            try:
                body = await self._batch_jobs.patch_status(*job.key, patch, merge=False)
                self._kept(body, {"status": _nested(fields)})
                return
            except errors.ObjectNotFound:
                raise Stale from None
            except errors.KubeError as error:
                if isinstance(error, errors.Invalid) and not error.has_causes:
                    await self._landed(job, attempt_id, fields)
                    return
                log.warning(
                    "a batch name is not written yet",
                    namespace=job.key.namespace,
                    name=job.key.name,
                    error=str(error),
                )
                delay = NAMING_DELAYS[min(tries, len(NAMING_DELAYS) - 1)]
                await asyncio.sleep(max(delay, error.retry_after or 0.0))
                tries += 1

    async def _landed(self, job: Job, attempt_id: str, fields: Mapping[str, Any]) -> None:
        """The name is there already, by a try whose answer was lost; raises `Stale` if it isn't."""
        status = (await self.refresh(job)).get("status") or {}
        attempt = status.get("attempt") or {}
        wanted = attempt_id, fields["attempt/batchName"]
        if (attempt.get("id"), attempt.get("batchName")) != wanted:
            raise Stale

    async def _take_back(self, job: Job, body: Mapping[str, Any]) -> None:
        """What was kept in part says what is not so: half an attempt, or one that is gone."""
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
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _stale_on_conflict(self) -> Any:
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
        """The job as the answer `body` has it, if all that was sent is in there."""
        job = self._keep(body)
        if lost := patches.not_kept(sent, body):
            raise NotKept(lost)
        return job


def _nested(fields: Mapping[str, Any]) -> dict[str, Any]:
    """From values by path to objects in objects."""
    nested: dict[str, Any] = {}
    for path, value in fields.items():
        parent, _, name = path.rpartition("/")
        (nested.setdefault(parent, {}) if parent else nested)[name] = value
    return nested
