"""Verify a delivery with the cached keys, then with newer ones if none of them matches."""

from collections.abc import Sequence

from gemini_operator.base import metrics
from gemini_operator.receiver.jwks.store import JwksStore, KeysUnavailable
from gemini_operator.receiver.responses import Refused, Result
from gemini_operator.receiver.signatures import table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import Verdict


def precheck(schemes: Sequence[Scheme], headers: WebhookHeaders, now: float) -> Verification:
    """Verify without the body and without keys.

    The verdict is UNACCEPTED if no body and no key could make a token valid.
    """
    return table.verify(schemes, headers, b"", KeySet(), now)


class Verifier:
    """Decides whether Google signed a delivery."""

    def __init__(self, store: JwksStore) -> None:
        self._store = store

    async def verify(
        self, schemes: Sequence[Scheme], headers: WebhookHeaders, body: bytes, now: float
    ) -> Verification:
        """Return the verdict of the newest keys, or one that no newer key can change.

        Call `precheck` first: other headers would cause a fetch of the keys.

        Raises:
            Refused: newer keys may match but cannot be fetched now, so Google has to retry (S20).
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
