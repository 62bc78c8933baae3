"""Handle one callback, with the cheapest checks first.

No body is parsed before its signature is verified. A request with a wrong token causes no network
call.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from gemini_operator.base import logs
from gemini_operator.receiver import access_log, edge
from gemini_operator.receiver.access_log import RefusalLogLimiter
from gemini_operator.receiver.responses import CallbackResponse, Refused, Result, http_response
from gemini_operator.receiver.settings import Limits
from gemini_operator.receiver.signatures import headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from gemini_operator.receiver.unverified import UnverifiedRequests
from gemini_operator.receiver.verification import precheck
from gemini_operator.receiver.webhooks.webhook import Webhook

_log = logs.get_logger(__name__)


class Webhooks(Protocol):
    """All webhooks of one kind."""

    def locate(self, raw_path: str) -> Webhook | None:
        """Return the webhook with this address; None if there is none."""


class CallbackHandler:
    """Handles every request to the public port. It keeps no state of a delivery.

    Args:
        webhooks: what is served, a row for each kind.
        limits: sizes, times and numbers of requests.
        now: the time of day in Unix seconds.
    """

    def __init__(
        self,
        webhooks: Sequence[Webhooks],
        *,
        limits: Limits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._webhooks = webhooks
        self._limits = limits
        self._now = now
        self._in_flight = 0
        self._unverified = UnverifiedRequests(limits)
        self._log_limiter = RefusalLogLimiter()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Respond, whatever happens, with a body that depends on the status only."""
        started = time.perf_counter()
        entry = access_log.Entry()
        try:
            response = await self._handle(request, entry)
        except Refused as refused:
            response = refused.response
        except Exception as error:  # noqa: BLE001 - strangers must not see errors, and Google must retry
            # The exception's message may quote the request.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.name}:{frame.lineno}"
            _log.error(
                "a request failed with an internal error", error=type(error).__name__, where=where
            )
            response = CallbackResponse(Result.INTERNAL)
        access_log.record(entry, response, time.perf_counter() - started, self._log_limiter)
        return http_response(response)

    async def _handle(self, request: web.BaseRequest, entry: access_log.Entry) -> CallbackResponse:
        claimed, webhook = self._read_head(request, entry)
        address = webhook.key if webhook.serves_one_job else None
        loop = asyncio.get_running_loop()
        try:
            # Only until the signature is verified: from then on the request cannot be evicted.
            async with self._unverified.admit(address, request.remote):
                body = await edge.read_body(request, self._limits)
                respond_by = loop.time() + self._limits.response_seconds
                async with asyncio.timeout_at(respond_by):
                    signed = await self._verify(webhook, claimed, body, entry)
            async with asyncio.timeout_at(respond_by):
                return await self._deliver(webhook, signed, entry)
        except TimeoutError:
            # The event may have been written. Google retries, and an equal event changes nothing.
            return CallbackResponse(Result.UNAVAILABLE)

    def _read_head(
        self, request: web.BaseRequest, entry: access_log.Entry
    ) -> tuple[WebhookHeaders, Webhook]:
        """Check everything that does not need the body.

        Raises:
            Refused: a check failed.
        """
        edge.check_method(request)
        webhook = self._locate(request.raw_path)
        entry.webhook = webhook
        edge.check_size(request, self._limits)
        claimed = headers.read(request.raw_headers)
        if claimed is None:
            raise Refused(Result.BAD_HEADERS)
        now = self._now()
        if not claimed.is_current(now):
            raise Refused(Result.STALE)
        # Before the body is read: tokens of a wrong form are refused without that cost.
        expected = precheck(webhook.schemes, claimed, now)
        if expected.verdict is Verdict.UNACCEPTED:
            entry.scheme = expected.scheme
            raise Refused(Result.BAD_SIGNATURE)
        return claimed, webhook

    def _locate(self, raw_path: str) -> Webhook:
        for webhooks in self._webhooks:
            found = webhooks.locate(raw_path)
            if found is not None:
                return found
        raise Refused(Result.UNKNOWN_ADDRESS)

    async def _verify(
        self, webhook: Webhook, claimed: WebhookHeaders, body: bytes, entry: access_log.Entry
    ) -> SignedContent:
        found = await webhook.verify(claimed, body, self._now())
        entry.scheme = found.scheme
        if found.content is None:
            raise Refused(Result.BAD_SIGNATURE)
        return found.content

    async def _deliver(
        self, webhook: Webhook, signed: SignedContent, entry: access_log.Entry
    ) -> CallbackResponse:
        """Record a verified event, within the limits of concurrent writes and of its webhook."""
        # Before the budget, so that a request that is refused as busy does not use it up.
        if self._in_flight >= self._limits.in_flight:
            raise Refused(Result.BUSY)
        wait = webhook.take_write()
        if wait > 0:
            raise Refused(Result.OVER_BUDGET, wait)
        self._in_flight += 1
        try:
            response, entry.event_type = await webhook.record(signed)
        finally:
            self._in_flight -= 1
        return response
