"""Handle one callback, with the cheapest checks first.

No body is parsed before its signature is verified. A request with a wrong token causes no network
call.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping

from aiohttp import web

from gemini_operator.base import logs
from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.receiver import access_log, edge, event
from gemini_operator.receiver.access_log import RefusalLogLimiter
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.record import DeliveryRecorder
from gemini_operator.receiver.responses import CallbackResponse, Refused, Result, http_response
from gemini_operator.receiver.routes import CallbackRoute
from gemini_operator.receiver.settings import Limits
from gemini_operator.receiver.signatures import headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from gemini_operator.receiver.unverified import UnverifiedRequests
from gemini_operator.receiver.verification import Verifier

_log = logs.get_logger(__name__)


class CallbackHandler:
    """Handles every request to the public port. It keeps no state of a delivery.

    Args:
        keys: the callback keys that the tokens of addresses are made with.
        verifier: verifies signatures.
        recorder: writes events to the API server.
        budget: limits the writes of each attempt of a job.
        limits: sizes, times and numbers of requests.
        routes: what is served, by the plural in the address.
        now: the time of day in Unix seconds.
    """

    def __init__(
        self,
        *,
        keys: KeyDirectory,
        verifier: Verifier,
        recorder: DeliveryRecorder,
        budget: WriteBudget,
        limits: Limits,
        routes: Mapping[str, CallbackRoute],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._verifier = verifier
        self._recorder = recorder
        self._budget = budget
        self._limits = limits
        self._routes = routes
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
        claimed, route, target = self._read_head(request, entry)
        loop = asyncio.get_running_loop()
        try:
            # Only until the signature is verified: from then on the request cannot be evicted.
            async with self._unverified.admit(_address_of(target), request.remote):
                body = await edge.read_body(request, self._limits)
                respond_by = loop.time() + self._limits.response_seconds
                async with asyncio.timeout_at(respond_by):
                    signed = await self._verify(route, claimed, body, entry)
            async with asyncio.timeout_at(respond_by):
                return await self._deliver(target, route, signed, entry)
        except TimeoutError:
            # The event may have been written. Google retries, and an equal event changes nothing.
            return CallbackResponse(Result.UNAVAILABLE)

    def _read_head(
        self, request: web.BaseRequest, entry: access_log.Entry
    ) -> tuple[WebhookHeaders, CallbackRoute, Target]:
        """Check everything that does not need the body.

        Raises:
            Refused: a check failed.
        """
        edge.check_method(request)
        target, route = self._locate(request.raw_path)
        entry.target = target
        edge.check_size(request, self._limits)
        claimed = headers.read(request.raw_headers)
        if claimed is None:
            raise Refused(Result.BAD_HEADERS)
        now = self._now()
        if not claimed.is_current(now):
            raise Refused(Result.STALE)
        # Before the body is read: tokens of a wrong form are refused without that cost.
        expected = self._verifier.precheck(route.schemes, claimed, now)
        if expected.verdict is Verdict.UNACCEPTED:
            entry.scheme = expected.scheme
            raise Refused(Result.BAD_SIGNATURE)
        return claimed, route, target

    def _locate(self, raw_path: str) -> tuple[Target, CallbackRoute]:
        parsed = address.parse(raw_path)
        if parsed is None:
            raise Refused(Result.UNKNOWN_ADDRESS)
        target, token = parsed
        route = self._routes.get(target.plural)
        if route is None or not address.verify(self._keys.verifying(), target, token):
            raise Refused(Result.UNKNOWN_ADDRESS)
        return target, route

    async def _verify(
        self, route: CallbackRoute, claimed: WebhookHeaders, body: bytes, entry: access_log.Entry
    ) -> SignedContent:
        found = await self._verifier.verify(route.schemes, claimed, body, self._now())
        entry.scheme = found.scheme
        if found.content is None:
            raise Refused(Result.BAD_SIGNATURE)
        return found.content

    async def _deliver(
        self,
        target: Target,
        route: CallbackRoute,
        signed: SignedContent,
        entry: access_log.Entry,
    ) -> CallbackResponse:
        """Record a verified event, within the limits of concurrent writes and of its attempt."""
        # Before the budget, so that a request that is refused as busy does not use it up.
        if self._in_flight >= self._limits.in_flight:
            raise Refused(Result.BUSY)
        wait = self._budget.take(_address_of(target))
        if wait > 0:
            raise Refused(Result.OVER_BUDGET, wait)
        derived = event.derive(signed, target.attempt)
        entry.event_type = derived.type
        if not event.concerns(derived, route.family):
            return CallbackResponse(Result.IRRELEVANT)
        self._in_flight += 1
        try:
            return await self._recorder.record(target, derived)
        finally:
            self._in_flight -= 1


def _address_of(target: Target) -> tuple[str, str]:
    """The key of the limits: one attempt of one job, whichever callback key its address has."""
    return target.uid, target.attempt
