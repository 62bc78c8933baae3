"""Every write of the controller to a job's object, in the forms of protocol A."""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Status
from gemini_operator.controller.job import Job, from_object
from gemini_operator.controller.lifecycle.view import View
from gemini_operator.controller.store import Store
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.telemetry.logs import get_logger

NAMING_DELAYS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

log = get_logger(__name__)


class Stale(Exception):
    """The object has changed or gone: what was decided is void; decide again."""


class Writer:
    """Writes, and keeps the store as new as the answers (rule P1)."""

    def __init__(self, batch_jobs: BatchJobs, store: Store) -> None:
        self._batch_jobs = batch_jobs
        self._store = store

    def check(self, job: Job) -> None:
        """
        Make sure, without asking anybody, that the object is not known to be gone.

        Raises:
            Stale: it is gone or another incarnation.
        """
        known = self._store.get(job.key)
        if known is None or known.uid != job.uid:
            raise Stale

    async def refresh(self, job: Job) -> Mapping[str, Any]:
        """
        Read the object and keep it.

        Raises:
            Stale: it is gone or another incarnation.
            KubeError: the API server did not answer.
        """
        try:
            body = await self._batch_jobs.get(*job.key)
        except errors.NotFound:
            self._store.remove(job.key, job.uid)
            raise Stale from None
        if self._keep(body).uid != job.uid:
            raise Stale
        return body

    async def status(self, view: View, status: Status) -> Job:
        """
        Write `status` over the version that the view saw; an equal one is not sent.

        Raises:
            Stale: the object has changed since.
            Invalid: the API server refused `status`; the job now says so, and nothing else.
            KubeError: the API server did not answer.
        """
        job = view.job
        patch = patches.status_patch(job.stored_status, status.dump(), job.resource_version)
        if patch is None:
            return job
        try:
            return await self._send_status(job, patch)
        except errors.Invalid as error:
            log.error(
                "the API server refused a status",
                namespace=job.key.namespace,
                name=job.key.name,
                error=str(error),
            )
            await self._send_status(job, _minimal(view, error))
            # Whoever asked must not go on as if it were written: a create needs its write-ahead.
            raise

    async def hold(self, job: Job) -> None:
        """Add our finalizer."""
        metadata = {"finalizers": list(job.finalizers), "resourceVersion": job.resource_version}
        patch = patches.add_finalizer(metadata, group.FINALIZER)
        with self._stale_on_conflict():
            self._keep(await self._batch_jobs.patch(*job.key, patch, merge=True))

    async def release(self, job: Job) -> None:
        """Remove our finalizer; an object that is gone is released already."""
        metadata = {"finalizers": list(job.finalizers), "uid": job.uid}
        patch = patches.remove_finalizer(metadata, group.FINALIZER)
        if not patch:
            return
        try:
            await self._batch_jobs.patch(*job.key, patch, merge=False)
        except errors.NotFound:
            self._store.remove(job.key, job.uid)
        except errors.Invalid as error:
            if error.has_causes:
                raise
            await self.refresh(job)
            raise Stale from None

    async def remove(self, job: Job) -> None:
        """
        Delete the object, and no other incarnation of its name.

        Raises:
            Stale: it is another one by now.
            KubeError: the API server did not answer.
        """
        try:
            await self._batch_jobs.delete(*job.key, job.uid)
        except errors.NotFound:
            self._store.remove(job.key, job.uid)
        except errors.Conflict:
            raise Stale from None

    async def name(self, job: Job, attempt_id: str, fields: Mapping[str, Any]) -> None:
        """
        Write the name of a batch that exists: tried until it lands, whatever else is written.

        Raises:
            Stale: the object is gone, another one, or has another attempt or batch (rule P14).
        """
        patch = patches.name_batch(job.uid, attempt_id, fields)
        tries = 0
        while True:
            try:
                body = await self._batch_jobs.patch_status(*job.key, patch, merge=False)
                self._keep(body)
                return
            except errors.NotFound:
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

    async def _send_status(self, job: Job, patch: Mapping[str, Any]) -> Job:
        with self._stale_on_conflict():
            return self._keep(await self._batch_jobs.patch_status(*job.key, patch, merge=True))
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _stale_on_conflict(self) -> Any:
        try:
            yield
        except (errors.Conflict, errors.NotFound):
            raise Stale from None

    def _keep(self, body: Mapping[str, Any]) -> Job:
        job = from_object(body)
        self._store.put(job)
        return job


def _minimal(view: View, error: errors.Invalid) -> dict[str, Any]:
    """A status that fits any schema: it says that the real one did not (rule S22)."""
    message = Reason.INTERNAL.explain(error.message)
    known = Status(conditions=view.status.conditions)
    stalled = view.condition(known, STALLED, True, Reason.INTERNAL, message)
    return {
        "metadata": {"resourceVersion": view.job.resource_version},
        "status": {"conditions": stalled.dump()["conditions"]},
    }
