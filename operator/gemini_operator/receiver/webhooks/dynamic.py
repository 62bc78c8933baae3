"""Dynamic webhooks: each is bound to one attempt of one job, by an address with a token."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from gemini_operator.api.group import PLURAL
from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.receiver import event
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.record import DeliveryRecorder
from gemini_operator.receiver.responses import CallbackResponse, Result
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import SignedContent
from gemini_operator.receiver.verification import Verifier

FAMILIES = {PLURAL: "batch"}
"""The family of events of each kind of job, by the plural in the address."""


class DynamicWebhooks:
    """Finds the webhook of an address that this operator made.

    Args:
        keys: the callback keys that the tokens of addresses are made with.
        verifier: verifies signatures with Google's public keys.
        recorder: writes events to the API server.
        budget: limits the writes of each attempt of a job.
        tokens: what RS256 tokens have to fulfil; None if none are accepted.
    """

    def __init__(
        self,
        keys: KeyDirectory,
        verifier: Verifier,
        recorder: DeliveryRecorder,
        budget: WriteBudget,
        tokens: TokenPolicy | None,
    ) -> None:
        self._keys = keys
        self.verifier = verifier
        self.recorder = recorder
        self.budget = budget
        self.schemes = table.dynamic(tokens)

    def locate(self, raw_path: str) -> "DynamicWebhook | None":
        """Return the webhook with this address; None if the address is not one of ours."""
        parsed = address.parse(raw_path)
        if parsed is None:
            return None
        target, token = parsed
        family = FAMILIES.get(target.plural)
        if family is None or not address.verify(self._keys.verifying(), target, token):
            return None
        return DynamicWebhook(self, target, family)


@dataclass(frozen=True, slots=True)
class DynamicWebhook:
    """The webhook of one attempt of one job."""

    all: DynamicWebhooks
    target: Target
    family: str
    serves_one_job = True

    @property
    def schemes(self) -> Sequence[Scheme]:
        return self.all.schemes

    @property
    def key(self) -> Hashable:
        # One attempt of one job, whichever callback key its address was made with.
        return self.target.uid, self.target.attempt

    @property
    def log_fields(self) -> Mapping[str, str]:
        target = self.target
        return {"namespace": target.namespace, "name": target.name, "attempt": target.attempt}

    async def verify(self, headers: WebhookHeaders, body: bytes, now: float) -> Verification:
        return await self.all.verifier.verify(self.schemes, headers, body, now)

    def take_write(self) -> float:
        return self.all.budget.take(self.key)

    async def record(self, signed: SignedContent) -> tuple[CallbackResponse, str | None]:
        derived = event.derive(signed, self.target.attempt)
        if not event.concerns(derived, self.family):
            return CallbackResponse(Result.IRRELEVANT), derived.type
        return await self.all.recorder.record(self.target, derived), derived.type
