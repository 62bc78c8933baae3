"""Checking a delivery with the keys at hand, then once more with newer ones."""

from collections.abc import Sequence

from gemini_operator.receiver.answers import Refused, Result
from gemini_operator.receiver.jwks.errors import KeysUnavailable
from gemini_operator.receiver.jwks.store import JwksStore
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import Verdict
from gemini_operator.telemetry import metrics


class Verifier:
    """Decides whether Google signed a delivery."""

    def __init__(self, store: JwksStore) -> None:
        self._store = store

    @staticmethod
    def precheck(schemes: Sequence[Scheme], headers: WebhookHeaders, now: float) -> Verification:
        """UNACCEPTED where no body and no key could make a token hold, so neither is needed."""
        return table.verify(schemes, headers, b"", KeySet(), now)

    async def verify(
        self, schemes: Sequence[Scheme], headers: WebhookHeaders, body: bytes, now: float
    ) -> Verification:
        """The verdict that the newest keys give, or one that no newer key can change.

        For headers that passed `precheck`, others would cost a fetch of the keys.
        Raises Refused while newer keys might match and cannot be had: send it again (S20).
        """
        with metrics.RECEIVER_VERIFICATION_SECONDS.time():
            try:
                return await self._verified(schemes, headers, body, now)
            except KeysUnavailable as unavailable:
                raise Refused(Result.NO_KEYS, unavailable.retry_after) from None

    async def _verified(
        self, schemes: Sequence[Scheme], headers: WebhookHeaders, body: bytes, now: float
    ) -> Verification:
        keys = await self._store.current()
        found = table.verify(schemes, headers, body, keys, now)
        if found.verdict is Verdict.MISMATCH:
            keys = await self._store.newer(keys)
            found = table.verify(schemes, headers, body, keys, now)
        return found
