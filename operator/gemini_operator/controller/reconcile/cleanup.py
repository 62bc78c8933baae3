"""What is done at Google and to the finalizer when a job, or a batch too many, has to go."""

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import KeyRef
from gemini_operator.controller.lifecycle.snapshot import Event, Snapshot
from gemini_operator.controller.reconcile.disposer import Disposer
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.writer import Stale, Writer
from gemini_operator.controller.remote.api_keys import ApiKeys, CredentialsProblem
from gemini_operator.controller.remote.call_limit import CallLimit
from gemini_operator.gemini import errors
from gemini_operator.telemetry import metrics
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Cleanup:
    """
    Cancels, deletes and releases.

    Args:
        api_keys: a key that this process has used before will do (rule P22).
        calls: lets the job call Google.
        disposer: ends batches.
        writer: releases objects.
        events: says what was left behind.
    """

    def __init__(
        self,
        api_keys: ApiKeys,
        calls: CallLimit,
        disposer: Disposer,
        writer: Writer,
        events: EventRecorder,
    ) -> None:
        self._calls = calls
        self._disposer = disposer
        self._api_keys = api_keys
        self._writer = writer
        self._events = events

    async def dispose(self, snapshot: Snapshot, ref: KeyRef, batches: tuple[str, ...]) -> None:
        """
        Cancel and delete batches of the job, but none that another job has.

        Raises:
            Busy: others of the key or the namespace call Google.
            CredentialsProblem: there is no key, Google refuses it, or it is not the one that the
                job's batch was submitted with and knows no such batch (rule S11).
            GeminiError, KubeError: no answer for now; disposing again is safe.
        """
        if not batches:
            return
        api_key = await self._api_keys.last_good(ref)
        self._calls.enter(snapshot.job.key, api_key.key_id)
        attempt = snapshot.status.attempt
        recorded = attempt.api_key_fingerprint if attempt else None
        changed = recorded not in (None, api_key.fingerprint(snapshot.job.uid))
        for name in batches:
            try:
                there = await self._disposer.dispose(api_key, snapshot.job, name)
            except errors.CredentialsRejected as error:
                raise CredentialsProblem(Reason.CREDENTIALS_REJECTED, str(error)) from None
            own = attempt is not None and name == attempt.batch_name
            if changed and own and not there:
                raise CredentialsProblem(
                    Reason.CREDENTIALS_CHANGED, f"{name} was not found with it."
                )

    async def release(self, snapshot: Snapshot, event: Event | None) -> None:
        """
        Let the object go, and say what is left behind.

        Raises:
            Stale: it has changed.
            KubeError: the API server did not answer.
        """
        await self._writer.remove_finalizer(snapshot.job)
        if event is None:
            return
        self._events.post(snapshot.job, [event])
        if event.reason == Reason.BATCH_LEFT_BEHIND:
            metrics.BATCHES_LEFT_BEHIND.inc()
            namespace, name = snapshot.job.key
            log.error("a batch is left behind", namespace=namespace, name=name, detail=event.note)

    async def unnamed(self, snapshot: Snapshot, ref: KeyRef, batch: str) -> None:
        """A batch was created for an object that has no such attempt any more (rule P14)."""
        try:
            await self._writer.refresh(snapshot.job)
        except Stale:
            policy = snapshot.job.spec.deletion_policy
            if policy != "Orphan":
                api_key = await self._api_keys.last_good(ref)
                await self._disposer.dispose(api_key, snapshot.job, batch)
            log.warning("a batch outlived its job", batch=batch, policy=policy)
