"""Static webhooks: each serves all jobs of one namespace, and is registered at Google by a person.

The address has no token: the signature alone proves who sent a delivery. Which job an event is
about is told by the batch that it names (S19).
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretBytes

from gemini_operator.api.group import PLURAL
from gemini_operator.api.v1alpha1.status import LastEvent
from gemini_operator.base import metrics
from gemini_operator.callbacks.address import MAX_PATH_LENGTH, Target
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.receiver import event
from gemini_operator.receiver.budget import TokenBuckets
from gemini_operator.receiver.record import DeliveryRecorder
from gemini_operator.receiver.responses import CallbackResponse, Result
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import SignedContent
from gemini_operator.receiver.webhooks.secrets import LABEL, SecretDirectory, StaticName

PREFIX = "/v1/static/"

# Events of one webhook: all batches of a project may end at once.
CAPACITY = 1000
PER_MINUTE = 6000

# Matched before anything is decoded, as for callback addresses (S17).
_PATH = re.compile(
    rf"{PREFIX}(?P<namespace>{LABEL})/(?P<name>{LABEL})(?:\?[\x21-\x7e]*)?", re.ASCII
)
# The list of jobs shows no status, so the API server fills in the attempt.
_UNKNOWN_ATTEMPT = "0" * 16


def parse(raw_path: str) -> StaticName | None:
    """Return the webhook that a request's path names; None for any other path.

    Args:
        raw_path: the request target as received, not decoded; a query is ignored (S17).
    """
    match = _PATH.fullmatch(raw_path) if len(raw_path) <= MAX_PATH_LENGTH else None
    return None if match is None else StaticName(*match.groups())


class StaticRecorder:
    """Records events on the job that runs the batch that they name."""

    def __init__(self, jobs: BatchJobs, recorder: DeliveryRecorder) -> None:
        self._jobs = jobs
        self._recorder = recorder

    async def record(self, name: StaticName, derived: LastEvent) -> CallbackResponse:
        """Write the event to `status.lastEvent` of the job in the webhook's namespace.

        Nothing is written unless there is exactly one job.
        """
        if derived.remote_name is None:
            return CallbackResponse(Result.IRRELEVANT)
        try:
            found = await self._jobs.list_keys_by_batch(name.namespace, derived.remote_name)
        except errors.KubeError as error:
            nameless = Target(PLURAL, name.namespace, "", "", "")
            return self._recorder.failed(nameless, error)
        if len(found) != 1:
            return CallbackResponse(Result.IRRELEVANT)
        (job,) = found
        target = Target(PLURAL, job.namespace, job.name, job.uid, "")
        written = derived.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"attempt"}
        )
        body = patches.record_event_of_batch(job.uid, derived.remote_name, written)
        return await self._recorder.write(target, body)


class StaticWebhooks:
    """Finds the webhook of an address that has secrets here.

    Args:
        secrets: of each webhook.
        recorder: writes events to the API server.
        budget: limits the events of each webhook.
    """

    def __init__(
        self,
        secrets: SecretDirectory,
        recorder: StaticRecorder,
        budget: TokenBuckets | None = None,
    ) -> None:
        self._secrets = secrets
        self.recorder = recorder
        self.budget = budget or TokenBuckets(CAPACITY, PER_MINUTE)

    def locate(self, raw_path: str) -> "StaticWebhook | None":
        """Return the webhook with this address; None if there is none."""
        name = parse(raw_path)
        secrets = None if name is None else self._secrets.of(name)
        return None if name is None or secrets is None else StaticWebhook(self, name, secrets)


@dataclass(frozen=True, slots=True)
class StaticWebhook:
    """One static webhook and its secrets."""

    all: StaticWebhooks
    name: StaticName
    secrets: tuple[SecretBytes, ...]
    family = "batch"
    serves_one_job = False

    @property
    def schemes(self) -> Sequence[Scheme]:
        return table.STATIC

    @property
    def key(self) -> Hashable:
        return self.name

    @property
    def log_fields(self) -> Mapping[str, str]:
        return {"namespace": self.name.namespace, "static_webhook": self.name.name}

    async def verify(self, headers: WebhookHeaders, body: bytes, now: float) -> Verification:
        with metrics.RECEIVER_VERIFICATION_SECONDS.time():
            return table.verify(self.schemes, headers, body, KeySet(hmac=self.secrets), now)

    def take_write(self) -> float:
        return self.all.budget.take(self.name)

    async def record(self, signed: SignedContent) -> tuple[CallbackResponse, str | None]:
        derived = event.derive(signed, _UNKNOWN_ATTEMPT)
        if not event.concerns(derived, self.family):
            return CallbackResponse(Result.IRRELEVANT), derived.type
        return await self.all.recorder.record(self.name, derived), derived.type
