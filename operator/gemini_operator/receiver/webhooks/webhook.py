"""What the handler needs to know of a webhook, whichever kind it is."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from gemini_operator.receiver.responses import CallbackResponse
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import SignedContent


class Webhook(Protocol):
    """One webhook whose address a request has named."""

    @property
    def schemes(self) -> Sequence[Scheme]:
        """The kinds of signature that its deliveries may have."""

    @property
    def family(self) -> str:
        """The first word of its event types. Other events are acknowledged but not recorded."""

    @property
    def key(self) -> Hashable:
        """What tells it from other webhooks in limits."""

    @property
    def serves_one_job(self) -> bool:
        """Whether all its events are about one job, so that few of them arrive at a time."""

    @property
    def log_fields(self) -> Mapping[str, str]:
        """What log lines name it by."""

    async def verify(self, headers: WebhookHeaders, body: bytes, now: float) -> Verification:
        """Return the verdict of the newest keys, or one that no newer key can change.

        Raises:
            Refused: newer keys may match but cannot be fetched now, so Google has to retry (S20).
        """

    def take_write(self) -> float:
        """Spend one write, and return 0, or return the seconds until there is one."""

    async def record(self, signed: SignedContent) -> tuple[CallbackResponse, str | None]:
        """Record a verified event; return the response, and the event's type if it has one."""
