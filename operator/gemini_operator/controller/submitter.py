"""From a decision to submit to a batch with a name: the only place that spends money.

Order: gate, input, write-ahead, create, name (protocol C). Whatever fails before the create costs
nothing; whatever is unclear after it is searched for, never repeated.
"""

import secrets
from dataclasses import replace

from gemini_operator.api.reasons import Reason
from gemini_operator.api.status import Attempt
from gemini_operator.controller.callback import CallbackAddresses
from gemini_operator.controller.clock import Clock
from gemini_operator.controller.credentials import Credential
from gemini_operator.controller.gate import Gate
from gemini_operator.controller.lifecycle import credentials, submission
from gemini_operator.controller.lifecycle.view import Decision, Name, Search, View, Write
from gemini_operator.controller.writer import Writer
from gemini_operator.gemini import errors, tokens
from gemini_operator.gemini.remote import Submission
from gemini_operator.kube.client import KubeClient
from gemini_operator.payload import config_map, requests
from gemini_operator.payload.requests import BatchInput
from gemini_operator.telemetry.logs import get_logger

# Seconds between the write-ahead's answer and the create, at most (rule P8).
SEND_WITHIN = 5.0
INPUT_RETRY = 15.0
REFUSED_RETRY = 60.0
DISPLAY_LIMIT = 128

UID_KEY = "gemini-operator.io/uid"
ATTEMPT_KEY = "gemini-operator.io/attempt"

log = get_logger(__name__)


class Submitter:
    """Carries out `Submit`."""

    def __init__(
        self,
        kube: KubeClient,
        writer: Writer,
        gate: Gate,
        addresses: CallbackAddresses,
        clock: Clock,
    ) -> None:
        self._kube = kube
        self._writer = writer
        self._gate = gate
        self._addresses = addresses
        self._clock = clock

    async def submit(self, view: View, number: int, credential: Credential) -> Decision:
        """
        Create the batch of a new attempt, and say what follows from the answer.

        Raises:
            Stale: somebody else has written; nothing was sent.
            KubeError: the API server did not answer; nothing was sent.
        """
        job = view.job
        refusal = self._gate.refusal(credential.group)
        if refusal is not None:
            return _stalled(view, refusal.message)
        wait = self._gate.wait(credential.group, job.spec.model, job.key, job.created)
        if wait is not None:
            return submission.queued(view, Reason.QUOTA_EXCEEDED, "", wait)
        try:
            batch_input = await self._input(view)
        except requests.InputMissing as error:
            return credentials.stalled(view, Reason.INPUT_MISSING, f"{error}.", INPUT_RETRY)
        except requests.InvalidInput as error:
            return submission.failed(view, Reason.INVALID_INPUT, f"{error}.")
        except config_map.DeliveryRefused as error:
            return submission.failed(view, Reason.DELIVERY_FAILED, f"{error}.")
        return await self._create(view, number, credential, batch_input)

    async def _input(self, view: View) -> BatchInput:
        job = view.job
        namespace, _ = job.key
        output = job.spec.output.config_map if job.spec.output else None
        if output is not None:
            await config_map.check(self._kube, namespace, output.name, job.uid)
        inline = job.spec.input is not None and job.spec.input.inline is not None
        stored = (await self._writer.refresh(job))["spec"] if inline else {}
        return await requests.load(self._kube, namespace, job.spec, stored)

    async def _create(
        self, view: View, number: int, credential: Credential, batch_input: BatchInput
    ) -> Decision:
        attempt = Attempt(
            id=secrets.token_hex(8),
            number=number,
            start_time=view.now,
            api_key_fingerprint=credential.fingerprint(view.job.uid),
        )
        job = await self._writer.status(view, submission.written_ahead(view, attempt))
        answered = self._clock.monotonic()
        view = replace(view, job=job)

        def in_time() -> bool:
            return self._clock.monotonic() - answered <= SEND_WITHIN

        try:
            request = self._submission(view, attempt, batch_input)
            summary = await credential.client.batches.submit(request, may_send=in_time)
        except errors.GeminiError as error:
            return self._refused(view, credential, error)
        self._gate.passed(credential.group, job.spec.model)
        return Name(summary)

    def _submission(self, view: View, attempt: Attempt, batch_input: BatchInput) -> Submission:
        job = view.job
        display = job.spec.display_name or f"{job.key.namespace}/{job.key.name}"
        own = {UID_KEY: job.uid, ATTEMPT_KEY: attempt.id}
        return Submission(
            model=job.spec.model,
            type=job.spec.type,
            display_name=tokens.display_name(display[:DISPLAY_LIMIT], job.uid, attempt.id),
            inline=batch_input.inline,
            file_name=batch_input.file_name,
            priority=job.spec.priority,
            callback_url=self._addresses.of(job, attempt),
            user_metadata={**(job.spec.user_metadata or {}), **own},
        )

    def _refused(self, view: View, credential: Credential, error: errors.GeminiError) -> Decision:
        """The table of answers to create (rule P10)."""
        job, model = view.job, view.job.spec.model
        place = (credential.group, model, job.key, job.created)
        log.warning(
            "a create was not answered with a batch",
            namespace=job.key.namespace,
            name=job.key.name,
            kind=type(error).__name__,
            error=str(error),
        )
        match error:
            case errors.Throttled():
                seconds = self._gate.throttled(*place, error.retry_after)
                return submission.queued(view, Reason.QUOTA_EXCEEDED, str(error), seconds)
            case errors.CredentialsRejected():
                self._gate.refused(credential.group, str(error))
                return _stalled(view, str(error))
            case errors.Rejected() | errors.NotFound() | errors.TooLarge():
                self._gate.passed(credential.group, model)
                return submission.failed(view, Reason.INVALID_REQUEST, str(error))
            case errors.NotSent():
                return Write(submission.without_attempt(view), retry=True)
            case _:
                return Search()


def _stalled(view: View, message: str) -> Write:
    """The key is refused; the Secret is read again in a while, and may hold another by then."""
    cleared = replace(view, job=replace(view.job, status=submission.without_attempt(view)))
    return credentials.stalled(cleared, Reason.CREDENTIALS_REJECTED, message, REFUSED_RETRY)
