"""From a decision to submit to a batch with a name: the only place that spends money.

Order: quota, input, write-ahead, create, name. Whatever fails before the create costs
nothing; whatever is unclear after it is searched for, never repeated.
"""

import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.api.group import PLURAL
from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt
from gemini_operator.base.clock import Clock
from gemini_operator.callbacks.address import CallbackAddresses, Target
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import credentials, submission
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RecordBatchName
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import failed, stalled
from gemini_operator.controller.memory import Refusal
from gemini_operator.controller.quota.backoff import Backoff
from gemini_operator.controller.quota.quota import Admission, Quota
from gemini_operator.controller.reconcile.delivery import Delivery
from gemini_operator.controller.reconcile.writer import Stale, Writer
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors, tokens
from gemini_operator.gemini.remote import Submission
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ApiServerUnavailable
from gemini_operator.payload import requests
from gemini_operator.payload.config_map import DeliveryRefused
from gemini_operator.payload.requests import BatchInput
from gemini_operator.telemetry.logs import get_logger

# Seconds between the write-ahead's answer and the create, at most (rule P8).
SEND_WITHIN = 5.0
UNSENT_RETRY = 5.0
# Seconds between the creates of a job that Google refuses for what it asks, at most.
OWN_RETRY = 60.0
DISPLAY_LIMIT = 128

# What the status of a waiting job says; the quota wakes it, no timer does.
WAITS_FOR = {Admission.QUOTA_FULL: Reason.QUEUED, Admission.THROTTLED: Reason.QUOTA_EXCEEDED}
UNTIL_CALLED = math.inf

# Answers that say that nothing was created; whatever else a create ends in is unknown (rule P10).
DEFINITE = (
    errors.CredentialsRejected,
    errors.FileMissing,
    errors.NotFound,
    errors.NotSent,
    errors.Rejected,
    errors.Throttled,
)

UID_KEY = "gemini-operator.io/uid"
ATTEMPT_KEY = "gemini-operator.io/attempt"

Submitted = tuple[Job, PatchStatus | RecordBatchName | None]
"""The job after `Submitter.submit`, and what to do next."""

log = get_logger(__name__)


def of_input(error: errors.GeminiError, batch_input: BatchInput) -> errors.GeminiError:
    """A 404 that names no model is about the file, where the input is one; that may still come."""
    not_found = isinstance(error, errors.Rejected) and error.status == 404
    if batch_input.file_name is None or not not_found or "model" in str(error).lower():
        return error
    return errors.FileMissing(str(error), status=error.status)


class Submitter:
    """Carries out `Submit`.

    Args:
        kube: reads inputs.
        delivery: checks outputs.
        writer: writes ahead.
        quota: holds back what is too much, and what Google throttles or refuses.
        addresses: makes callback addresses.
        clock: times the create.
        refused_retry: seconds until a job whose key was refused looks at its Secret again.
    """

    def __init__(
        self,
        kube: KubeClient,
        *,
        delivery: Delivery,
        writer: Writer,
        quota: Quota,
        addresses: CallbackAddresses,
        clock: Clock,
        refused_retry: float,
    ) -> None:
        self._kube = kube
        self._delivery = delivery
        self._writer = writer
        self._quota = quota
        self._addresses = addresses
        self._clock = clock
        self._refused_retry = refused_retry
        self._own = Backoff()

    async def submit(self, snapshot: Snapshot, number: int, api_key: ApiKey) -> Submitted:
        """Create the batch of a new attempt.

        Returns:
            The job as it is now, and what to do next: write a status that says why nothing was
            sent, or record the name of the new batch. `None` means that a create was sent or tried
            and is to be decided on again: its answer is in the job's facts, or it has none.

        Raises:
            Stale: somebody else has written; nothing was sent.
            KubeError: the API server did not answer; nothing was sent.
        """
        job = snapshot.job
        # It may have gone while its key was read: nobody would take it from the quota again.
        self._writer.check(job)
        refusal = snapshot.facts.refusal
        left = refusal.left(api_key.key_id, snapshot.monotonic) if refusal else 0.0
        if left > 0:
            self._quota.release(job.key)
            return job, PatchStatus(snapshot.status, seconds=left)
        answer = self._quota.reserve(job, api_key.key_id, api_key.fingerprint)
        if answer is Admission.REFUSED:
            # The quota calls it for its turn; the time is for another key in the Secret.
            return job, credentials.inherited(snapshot, self._refused_retry)
        if answer is not Admission.ADMITTED:
            return job, submission.queued(snapshot, WAITS_FOR[answer], "", UNTIL_CALLED)
        # After `Stale` the next pass comes at once.
        with self.reserved_slot(job, kept_on=(Stale,)):
            batch_input = await self._input(snapshot)
        if isinstance(batch_input, PatchStatus):
            self._quota.release(job.key)
            return job, batch_input
        return await self._create(snapshot, number, api_key, batch_input)

    @contextmanager
    def reserved_slot(
        self, job: Job, *, kept_on: tuple[type[Exception], ...] = ()
    ) -> Iterator[None]:
        """Release the reserved slot if the block raises before the write-ahead, except for `kept_on`."""
        try:
            yield
        except kept_on:
            raise
        except Exception:
            self._quota.release(job.key)
            raise

    async def _input(self, snapshot: Snapshot) -> BatchInput | PatchStatus:
        try:
            return await self._load(snapshot)
        except requests.InputMissing as error:
            return stalled(snapshot, Reason.INPUT_MISSING, f"{error}.")
        except requests.InvalidInput as error:
            return failed(snapshot, Reason.INVALID_INPUT, f"{error}.")
        except DeliveryRefused as error:
            message = f"Nothing was submitted, for the results would have no place: {error}."
            return failed(snapshot, Reason.DELIVERY_FAILED, "", message)

    async def _load(self, snapshot: Snapshot) -> BatchInput:
        job = snapshot.job
        await self._delivery.check(job)
        stored = (await self._writer.confirm(job))["spec"]
        return await requests.load(self._kube, job.key.namespace, job.spec, stored)

    async def _create(
        self, snapshot: Snapshot, number: int, api_key: ApiKey, batch_input: BatchInput
    ) -> Submitted:
        attempt = Attempt(
            id=secrets.token_hex(8),
            number=number,
            start_time=snapshot.now,
            api_key_fingerprint=api_key.fingerprint(snapshot.job.uid),
        )
        # A write-ahead without an answer may have landed.
        with self.reserved_slot(snapshot.job, kept_on=(Stale, ApiServerUnavailable)):
            # First, as it may fail: from the write-ahead on an attempt counts as sent.
            request = self._submission(snapshot, attempt, batch_input)
            job = await self._writer.status(snapshot, submission.written_ahead(snapshot, attempt))
        answered = self._clock.monotonic()

        def in_time() -> bool:
            return self._clock.monotonic() - answered <= SEND_WITHIN

        try:
            summary = await api_key.client.batches.submit(request, may_send=in_time)
        except errors.GeminiError as raised:
            error = of_input(raised, batch_input)
            self._log(job, error)
            if isinstance(error, DEFINITE):
                in_a_row = snapshot.facts.refusal.in_a_row + 1 if snapshot.facts.refusal else 1
                seconds = self._back_off(job, api_key, error, in_a_row)
                own = isinstance(error, errors.PermissionDenied | errors.FileMissing)
                until = self._clock.monotonic() + seconds if own else -math.inf
                snapshot.facts.refusal = Refusal(
                    attempt.id, error, seconds, in_a_row, api_key.key_id, until
                )
            else:
                self._quota.release(job.key)
            return job, None
        snapshot.facts.refusal = None
        self._quota.passed(api_key.key_id, job)
        return job, RecordBatchName(summary)

    def _submission(
        self, snapshot: Snapshot, attempt: Attempt, batch_input: BatchInput
    ) -> Submission:
        job = snapshot.job
        display = job.spec.display_name or f"{job.key.namespace}/{job.key.name}"
        own = {UID_KEY: job.uid, ATTEMPT_KEY: attempt.id}
        return Submission(
            model=job.spec.model,
            type=job.spec.type,
            display_name=tokens.display_name(display[:DISPLAY_LIMIT], job.uid, attempt.id),
            inline=batch_input.inline,
            file_name=batch_input.file_name,
            priority=submission.priority(snapshot),
            callback_url=self._addresses.of(Target(PLURAL, *job.key, job.uid, attempt.id)),
            user_metadata={**(job.spec.user_metadata or {}), **own},
        )

    def _back_off(
        self, job: Job, api_key: ApiKey, error: errors.GeminiError, in_a_row: int
    ) -> float:
        """Let wait whom the answer concerns; returns seconds until the job asks again."""
        match error:
            case errors.Throttled():
                return self._quota.throttled(api_key.key_id, job, error.retry_after)
            case errors.PermissionDenied() | errors.FileMissing():
                # That is the job's own affair: neither good nor bad news for others of the key.
                self._quota.release(job.key)
                return min(OWN_RETRY, self._own.seconds(in_a_row))
            case errors.CredentialsRejected():
                self._quota.refused(api_key.key_id, job)
                return self._refused_retry
            case errors.NotSent():
                self._quota.release(job.key)
            case _:
                self._quota.passed(api_key.key_id, job)
        return UNSENT_RETRY

    def _log(self, job: Job, error: errors.GeminiError) -> None:
        log.warning(
            "a create was not answered with a batch",
            namespace=job.key.namespace,
            name=job.key.name,
            kind=type(error).__name__,
            error=str(error),
        )
