"""Cancels and deletes batches at Google, deletes uploaded files, and removes finalizers.

Each batch is read before it is touched; one that is not the job's own is left alone (S7, P21).
"""

from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import uploading
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.controller.lifecycle.ownership import owns
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.access import RemoteAccess
from gemini_operator.controller.remote.api_keys import ApiKey, CredentialsProblem
from gemini_operator.controller.remote.reads import look_anyhow
from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.remote import Summary

log = get_logger(__name__)


class Cleanup:
    """Cancels and deletes batches, and removes finalizers.

    Args:
        access: API keys, if need be the last one that worked (P22).
        claims: tells whether another job has more right to a batch.
        writer: removes finalizers.
        events: reports what was left behind.
    """

    def __init__(
        self, access: RemoteAccess, claims: Claims, writer: Writer, events: EventRecorder
    ) -> None:
        self._access = access
        self._claims = claims
        self._writer = writer
        self._events = events

    async def cancel(self, snapshot: Snapshot, api_key: ApiKey, batch: str) -> None:
        """Cancel a batch of the job, unless it has ended or is gone.

        Raises:
            CredentialsRejected, GeminiError, KubeError: Google did not do it; cancelling again is
                safe.
        """
        shown = snapshot.facts.list_snapshot
        known = shown.current if shown is not None else None
        found = await look_anyhow(api_key.client, batch, known)
        if found is None or found.summary.terminal:
            return
        if await self._may_touch(snapshot.job, found.summary, api_key):
            await _cancel(api_key.client, batch)
            log.info(
                "Google was asked to cancel a batch", **snapshot.job.key._asdict(), batch=batch
            )

    async def delete_files(self, snapshot: Snapshot, files: tuple[str, ...]) -> None:
        """Delete files that were uploaded for the job, as far as Google lets it.

        Google deletes every file after 48 hours and bills none, so no failure keeps the job.

        Raises:
            Busy: other jobs of the key or the namespace are calling Google.
            NotSent: this process may no longer act.
            KubeError: the API server did not answer.
        """
        for name in files:
            try:
                api_key = await self._access.enter_cleanup(snapshot.job)
                await _delete_file(api_key.client, snapshot.job, name)
            except errors.NotSent:
                raise
            except (CredentialsProblem, errors.GeminiError) as error:
                log.warning(
                    "an uploaded file was not deleted; Google deletes it within 48 hours",
                    **snapshot.job.key._asdict(),
                    file=name,
                    error=str(error),
                )

    async def delete(self, snapshot: Snapshot, batches: tuple[str, ...]) -> None:
        """Cancel and delete batches of the job, but none that another job has.

        Raises:
            Busy: other jobs of the key or the namespace are calling Google.
            CredentialsProblem: there is no usable key; or the batch was submitted with another key
                and is not found with this one (S11).
            CredentialsRejected, GeminiError, KubeError: no answer for now; deleting again is safe.
        """
        if not batches:
            return
        api_key = await self._access.enter_cleanup(snapshot.job)
        attempt = snapshot.status.attempt
        changed = api_key.differs(snapshot.job)
        for name in batches:
            found = await self._delete(api_key, snapshot.job, name)
            # "Not found" is success only with the key that submitted the batch: with another one
            # the batch may be there and go on being billed.
            own = attempt is not None and name == attempt.batch_name
            if changed and own and not found:
                raise CredentialsProblem(
                    Reason.CREDENTIALS_CHANGED,
                    f"Google does not find {name} with the API key that the Secret holds now, and "
                    "another key submitted it.",
                )

    async def release(self, snapshot: Snapshot, event: Event | None) -> None:
        """Remove the finalizer, and report what is left behind at Google.

        Raises:
            Stale: the object has changed.
            KubeError: the API server did not answer.
        """
        await self._writer.remove_finalizer(snapshot.job)
        # Reported only once it is true: the write may fail, and be tried again later.
        if event is None:
            return
        self._events.post(snapshot.job, [event])
        if event.reason == Reason.BATCH_LEFT_BEHIND:
            metrics.BATCHES_LEFT_BEHIND.inc()
            log.error(
                "a batch is left behind at Google", **snapshot.job.key._asdict(), detail=event.note
            )

    async def orphaned_create(self, snapshot: Snapshot, batch: str) -> None:
        """Delete a batch whose job was deleted while the create was under way (P14).

        If the object is still there, nothing is done: its next reconcile decides.

        Raises:
            CredentialsProblem: there is no key to delete the batch with.
            KubeError, GeminiError: no answer.
        """
        try:
            await self._writer.refresh(snapshot.job)
        except Stale:
            if not self._writer.is_gone(snapshot.job):
                # The object cannot be read, but it may well have the name of the batch.
                return
            # No later reconcile would find this batch, so this is the only chance to delete it.
            policy = snapshot.job.spec.deletion_policy
            if policy != "Orphan":
                api_key = await self._access.last_good(snapshot.job)
                await self._delete(api_key, snapshot.job, batch)
            log.warning("a batch was created for a job that is gone", batch=batch, policy=policy)

    async def _delete(self, api_key: ApiKey, job: Job, name: str) -> bool:
        """Cancel and delete a batch; return whether it was found and is the job's."""
        client = api_key.client
        found = await look_anyhow(client, name)
        if found is None or not await self._may_touch(job, found.summary, api_key):
            return False
        # Google does not say that deleting a running batch stops it, so it is cancelled first.
        if not found.summary.terminal:
            await _cancel(client, name)
        output = job.status.output
        if found.results_file is not None and output is not None and output.delivered:
            await _delete_results(client, found.results_file)
        try:
            await client.batches.delete(name)
            log.info("a batch was deleted at Google", **job.key._asdict(), batch=name)
        except errors.NotFound:
            log.debug("the batch was already deleted", batch=name)
        return True

    async def _may_touch(self, job: Job, summary: Summary, api_key: ApiKey) -> bool:
        if owns(job, summary) and not await self._claims.held_by_another(job, summary, api_key):
            return True
        log.error(
            "a batch does not belong to this job; it is not touched",
            **job.key._asdict(),
            batch=summary.name,
        )
        return False


async def _delete_results(client: GeminiClient, name: str) -> None:
    """Delete a results file that was delivered, as far as Google lets it.

    Google refuses names of more than 40 characters, which those of results have
    (https://github.com/googleapis/python-genai/issues/1759), and deletes the files itself later.
    """
    try:
        await client.files.delete(name)
    except errors.NotSent:
        raise
    except errors.GeminiError as error:
        log.debug("a results file is left to Google", file=name, error=str(error))


async def _delete_file(client: GeminiClient, job: Job, name: str) -> None:
    try:
        info = await client.files.get(name)
    except errors.NotFound:
        return
    # The name is from the status, which others may be able to write (S7).
    if info.display_name != uploading.display_name(job):
        log.error("a file does not belong to this job", **job.key._asdict(), file=name)
        return
    await client.files.delete(name)


async def _cancel(client: GeminiClient, name: str) -> None:
    try:
        await client.batches.cancel(name)
    # Google rejects the cancel of a batch that ended since it was read.
    except (errors.NotFound, errors.Rejected):
        log.debug("the batch has already ended", batch=name)
