"""What is done at Google and to the finalizer when a job, or a batch too many, has to go.

Nothing is cancelled or deleted that is not the job's own (S7, P21).
"""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.controller.lifecycle.ownership import owns
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.writer import Stale, Writer
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKey, CredentialsProblem
from gemini_operator.controller.remote.reads import look
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Summary
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Cleanup:
    """Cancels and deletes batches, and lets objects go.

    Args:
        access: API keys; one that worked before will do (rule P22).
        claims: knows who else holds a batch.
        writer: removes finalizers.
        events: says what was left behind.
    """

    def __init__(
        self, access: RemoteAccess, claims: Claims, writer: Writer, events: EventRecorder
    ) -> None:
        self._access = access
        self._claims = claims
        self._writer = writer
        self._events = events

    async def cancel(self, snapshot: Snapshot, api_key: ApiKey, batch: str) -> None:
        """Cancel a batch of the job; one that has ended or is gone needs no cancel.

        Raises:
            CredentialsRejected, GeminiError, KubeError: Google did not do it; cancelling again is
                safe.
        """
        summary = await look(api_key.client, batch)
        if summary is None or summary.terminal:
            return
        if await self._may_touch(snapshot.job, summary, api_key):
            await _cancel(api_key.client, batch)
        log.info("a batch is being cancelled", **snapshot.job.key._asdict(), batch=batch)

    async def delete(self, snapshot: Snapshot, batches: tuple[str, ...]) -> None:
        """Cancel and delete batches of the job, but none that another job has.

        Raises:
            Busy: others of the key or the namespace call Google.
            CredentialsProblem: there is no key, or it is not the one that the job's batch was
                submitted with and knows no such batch (rule S11).
            CredentialsRejected, GeminiError, KubeError: no answer for now; deleting again is safe.
        """
        if not batches:
            return
        api_key = await self._access.enter_cleanup(snapshot.job)
        attempt = snapshot.status.attempt
        recorded = attempt.api_key_fingerprint if attempt else None
        changed = recorded not in (None, api_key.fingerprint(snapshot.job.uid))
        for name in batches:
            found = await self._delete(api_key, snapshot.job, name)
            own = attempt is not None and name == attempt.batch_name
            if changed and own and not found:
                raise CredentialsProblem(
                    Reason.CREDENTIALS_CHANGED, f"{name} was not found with it."
                )

    async def release(self, snapshot: Snapshot, event: Event | None) -> None:
        """Remove the finalizer, and say what is left behind.

        Raises:
            Stale: the object has changed.
            KubeError: the API server did not answer.
        """
        await self._writer.remove_finalizer(snapshot.job)
        if event is None:
            return
        self._events.post(snapshot.job, [event])
        if event.reason == Reason.BATCH_LEFT_BEHIND:
            metrics.BATCHES_LEFT_BEHIND.inc()
            log.error("a batch is left behind", **snapshot.job.key._asdict(), detail=event.note)

    async def orphaned_create(self, snapshot: Snapshot, batch: str) -> None:
        """A batch was created for an object that has no such attempt any more (rule P14)."""
        try:
            await self._writer.refresh(snapshot.job)
        except Stale:
            policy = snapshot.job.spec.deletion_policy
            if policy != "Orphan":
                api_key = await self._access.last_good(snapshot.job)
                await self._delete(api_key, snapshot.job, batch)
            log.warning("a batch outlived its job", batch=batch, policy=policy)

    async def _delete(self, api_key: ApiKey, job: Job, name: str) -> bool:
        """Cancel and delete the batch `name`; tells whether it was there and the job's."""
        client = api_key.client
        summary = await look(client, name)
        if summary is None or not await self._may_touch(job, summary, api_key):
            return False
        if not summary.terminal:
            await _cancel(client, name)
        try:
            await client.batches.delete(name)
        except errors.NotFound:
            log.debug("the batch is deleted already", batch=name)
        return True

    async def _may_touch(self, job: Job, summary: Summary, api_key: ApiKey) -> bool:
        if owns(job, summary) and not await self._claims.held_by_another(job, summary, api_key):
            return True
        log.error(
            "a batch is not this job's and is left alone", **job.key._asdict(), batch=summary.name
        )
        return False


async def _cancel(client: GeminiClient, name: str) -> None:
    try:
        await client.batches.cancel(name)
    except (errors.NotFound, errors.Rejected):
        log.debug("the batch has ended already", batch=name)
