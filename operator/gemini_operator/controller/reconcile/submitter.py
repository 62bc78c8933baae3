"""Submits a job: the only code that spends money.

The order is quota, input, write-ahead, create, name. A failure before the create costs nothing. A
create with an unclear outcome is searched for, and never repeated.
"""

import math
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.api.group import PLURAL
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.base.backoff import Backoff
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.callbacks.address import CallbackAddresses, Target
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle import credentials, submission, uploading
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RecordBatchName
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import Refusal
from gemini_operator.controller.quota.quota import Admission, Quota
from gemini_operator.controller.reconcile import refusals
from gemini_operator.controller.reconcile.delivery import Delivery, check_size
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.gemini import errors, tokens
from gemini_operator.gemini.remote import Submission
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.errors import ApiServerUnavailable
from gemini_operator.payload import requests
from gemini_operator.payload.requests import BatchInput

# Seconds between the write-ahead's answer and the first byte of the create, at most. The search
# relies on it: a process that was suspended must not send a create that was given up (P8).
SEND_WITHIN = 5.0
# Seconds until a job whose create was not sent tries again.
UNSENT_RETRY = 5.0
# Seconds between two creates of a job whose request Google refuses: the first time, and at most.
OWN_FIRST = 5.0
OWN_RETRY = 60.0
# Characters of a display name before the token is added.
DISPLAY_LIMIT = 128

# The reason in the status of a waiting job. The quota wakes it; it has no timer.
WAITS_FOR = {Admission.QUOTA_FULL: Reason.QUEUED, Admission.THROTTLED: Reason.QUOTA_EXCEEDED}
UNTIL_CALLED = math.inf

# Answers that prove that nothing was created. After any other one the outcome is unknown (P10).
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
"""The newest version of the job, and what to do next."""

log = get_logger(__name__)


def of_input(error: errors.GeminiError, batch_input: BatchInput) -> errors.GeminiError:
    """Return `error`, or `FileMissing` if it is a 404 for the input file.

    Google answers 404 for an unknown model and for a file that the key cannot read. A missing file
    may still be uploaded, so it must not fail the job (decision 0004).
    """
    not_found = isinstance(error, errors.Rejected) and error.status == 404
    if batch_input.file_name is None or not not_found or "model" in str(error).lower():
        return error
    return errors.FileMissing(str(error), status=error.status)


class Submitter:
    """Carries out `Submit`.

    Args:
        kube: reads inputs.
        delivery: checks outputs.
        writer: writes the attempt before the create.
        quota: limits open batches, and blocks what Google throttles or refuses.
        addresses: makes callback addresses.
        clock: times the create.
        refused_retry: seconds until a job whose key was refused tries again; a new key in the
            Secret is tried at once.
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
        self._own = Backoff(OWN_FIRST, OWN_RETRY)

    async def submit(self, snapshot: Snapshot, number: int, api_key: ApiKey) -> Submitted:
        """Create the batch of a new attempt.

        Args:
            snapshot: the job.
            number: the number of the attempt.
            api_key: the job's API key.

        Returns:
            The newest version of the job, and what to do next: write a status that tells why
            nothing was sent, or record the name of the new batch. `None` means that the create was
            tried and the policies decide again: a refusal is in the job's facts, an unknown outcome
            is searched for.

        Raises:
            Stale: the object has changed or is gone; nothing was sent.
            NotKept: the API server did not keep the attempt; nothing was sent.
            KubeError: the API server did not answer; nothing was sent.
        """
        job = snapshot.job
        # The job may have been deleted while its key was read. A slot reserved for it now would
        # never be released.
        self._writer.check(job)
        refusal = snapshot.facts.refusal
        left = refusal.left(api_key.key_id, snapshot.monotonic) if refusal else 0.0
        if left > 0:
            self._quota.release(job.key)
            return job, PatchStatus(snapshot.status, seconds=left)
        answer = self._quota.reserve(job, api_key.key_id, api_key.fingerprint)
        if answer is Admission.REFUSED:
            # The quota wakes the job when it may try, or when the Secret has a new key. The time is
            # for a wake-up that is lost.
            return job, credentials.inherited(snapshot, self._refused_retry)
        if answer is not Admission.ADMITTED:
            return job, submission.queued(snapshot, WAITS_FOR[answer], "", UNTIL_CALLED)
        # After `Stale` the next reconcile comes at once and uses the slot.
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
        """Release the reserved slot if the block raises anything but `kept_on`.

        The block ends with the write-ahead at the latest: from then on the status counts the slot.
        """
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
        except refusals.REFUSALS as error:
            return refusals.before_submission(snapshot, error)

    async def _load(self, snapshot: Snapshot) -> BatchInput:
        job = snapshot.job
        await self._delivery.check(job)
        # The watch delivers no content of requests, and may show an object without its attempt
        # after a change of the CRD. So the object is read once more, and must be the same.
        stored = (await self._writer.confirm(job))["spec"]
        uploaded = job.status.input_file
        if uploading.uploads(job) and uploaded is not None:
            return BatchInput(file_name=uploaded.file_name)
        loaded = await requests.load(self._kube, job.key.namespace, job.spec, stored)
        check_size(job, loaded.inline or ())
        return loaded

    async def _create(
        self, snapshot: Snapshot, number: int, api_key: ApiKey, batch_input: BatchInput
    ) -> Submitted:
        attempt = Attempt(
            id=secrets.token_hex(8),
            number=number,
            start_time=snapshot.now,
            api_key_fingerprint=api_key.fingerprint(snapshot.job.uid),
            input_sha256=requests.digest(batch_input.inline) if batch_input.inline else None,
        )
        # A write-ahead without an answer may have been stored, and then uses the slot.
        with self.reserved_slot(snapshot.job, kept_on=(Stale, ApiServerUnavailable)):
            # Before the write-ahead, because it may raise: from then on the attempt counts as sent.
            request = self._submission(snapshot, attempt, batch_input)
            job = await self._writer.status(snapshot, submission.written_ahead(snapshot, attempt))
        answered = self._clock.monotonic()

        # Asked by the transport once a connection is open, just before the first byte.
        def in_time() -> bool:
            return self._clock.monotonic() - answered <= SEND_WITHIN

        try:
            summary = await api_key.client.batches.submit(request, may_send=in_time)
        except errors.GeminiError as raised:
            error = of_input(raised, batch_input)
            self._log(job, error)
            # A fact, not a status: the caller decides on a new snapshot, and `decide_refused`
            # writes it even if this reconcile is interrupted by a conflict.
            if isinstance(error, DEFINITE):
                in_a_row = snapshot.facts.refusal.in_a_row + 1 if snapshot.facts.refusal else 1
                seconds = self._back_off(job, api_key, error, in_a_row)
                own = isinstance(error, errors.PermissionDenied | errors.FileMissing)
                # An uploaded input is looked for, and uploaded again if it is gone.
                snapshot.facts.file_doubted = isinstance(error, errors.FileMissing)
                until = self._clock.monotonic() + seconds if own else -math.inf
                snapshot.facts.refusal = Refusal(
                    attempt.id, error, seconds, in_a_row, api_key.key_id, until
                )
            else:
                # The batch may exist, and its slot is counted by the attempt in the status.
                self._quota.release(job.key)
                snapshot.facts.unknown_create = attempt.id, str(error)
            answered = isinstance(error, DEFINITE) and not isinstance(error, errors.NotSent)
            snapshot.facts.failed_calls = 0 if answered else snapshot.facts.failed_calls + 1
            return job, None
        snapshot.facts.refusal, snapshot.facts.failed_calls = None, 0
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
        """Block what the refusal is about: the model, the key or this job alone.

        Returns:
            Seconds until the job may try again.
        """
        match error:
            case errors.Throttled():
                return self._quota.throttled(api_key.key_id, job, error.retry_after)
            case errors.PermissionDenied() | errors.FileMissing():
                # Only this job is refused, which shows nothing about the key or the model.
                self._quota.release(job.key)
                return self._own.seconds(in_a_row)
            case errors.CredentialsRejected():
                self._quota.refused(api_key.key_id, job)
                return self._refused_retry
            case errors.NotSent():
                self._quota.release(job.key)
            case _:
                # Google read the request and found fault with it: neither throttled nor refused.
                self._quota.passed(api_key.key_id, job)
        return UNSENT_RETRY

    def _log(self, job: Job, error: errors.GeminiError) -> None:
        log.warning(
            "a create request did not return a batch",
            namespace=job.key.namespace,
            name=job.key.name,
            kind=type(error).__name__,
            error=str(error),
        )
