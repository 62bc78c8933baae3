"""From a request to an answer, cheapest check first.

Nothing is parsed before it is verified, and no network call is made for a request whose token is
wrong.
"""

import asyncio
import time
import traceback
from collections.abc import Callable, Mapping

from aiohttp import web

from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.receiver import access, answers, edge, event
from gemini_operator.receiver.acknowledge import Acknowledger
from gemini_operator.receiver.answers import Answer, Refused, Result
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.limits import Limits
from gemini_operator.receiver.log_lines import RefusalLines
from gemini_operator.receiver.routes import ROUTES, Route
from gemini_operator.receiver.signatures import headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.verdict import Verdict
from gemini_operator.receiver.unverified import Unverified
from gemini_operator.receiver.verification import Verifier
from gemini_operator.telemetry import logs

_log = logs.get_logger(__name__)


class CallbackHandler:
    """Handles every request to the public port; holds no state of any delivery.

    Args:
        keys: the callback keys that addresses are checked with.
        verifier: checks signatures, with newer keys where that may help.
        acknowledger: writes events down.
        budget: how many writes one attempt of a job may cause.
        now: the time of day in Unix seconds.
    """

    def __init__(
        self,
        *,
        keys: KeyDirectory,
        verifier: Verifier,
        acknowledger: Acknowledger,
        budget: WriteBudget,
        limits: Limits,
        routes: Mapping[str, Route] = ROUTES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._verifier = verifier
        self._acknowledger = acknowledger
        self._budget = budget
        self._limits = limits
        self._routes = routes
        self._now = now
        self._in_flight = 0
        self._unverified = Unverified(limits)
        self._lines = RefusalLines()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Answer, whatever happens, with a constant body."""
        started = time.perf_counter()
        entry = access.Entry()
        try:
            answer = await self._handle(request, entry)
        except Refused as refused:
            answer = refused.answer
        except Exception as error:  # noqa: BLE001 - a stranger must not see a fault, Google must retry
            # The exception's own words may quote the request.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{frame.name}:{frame.lineno}"
            _log.error("a request failed here", error=type(error).__name__, where=where)
            answer = Answer(Result.INTERNAL)
        access.record(entry, answer, time.perf_counter() - started, self._lines)
        return answers.response(answer)

    async def _handle(self, request: web.BaseRequest, entry: access.Entry) -> Answer:
        claimed, route, target = self._read_head(request, entry)
        loop = asyncio.get_running_loop()
        try:
            async with self._unverified.hold(_address_of(target), request.remote):
                body = await edge.read_body(request, self._limits)
                answer_by = loop.time() + self._limits.answer_seconds
                async with asyncio.timeout_at(answer_by):
                    await self._verify(route, claimed, body, entry)
            async with asyncio.timeout_at(answer_by):
                return await self._deliver(target, route, claimed, body, entry)
        except TimeoutError:
            return Answer(Result.UNAVAILABLE)

    def _read_head(
        self, request: web.BaseRequest, entry: access.Entry
    ) -> tuple[WebhookHeaders, Route, Target]:
        """Everything that can be refused without the body."""
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
        expected = self._verifier.precheck(route.schemes, claimed, now)
        if expected.verdict is Verdict.UNACCEPTED:
            entry.scheme = expected.scheme
            raise Refused(Result.BAD_SIGNATURE)
        return claimed, route, target

    def _locate(self, raw_path: str) -> tuple[Target, Route]:
        parsed = address.parse(raw_path)
        if parsed is None:
            raise Refused(Result.UNKNOWN_ADDRESS)
        target, token = parsed
        route = self._routes.get(target.plural)
        if route is None or not address.verify(self._keys.verifying(), target, token):
            raise Refused(Result.UNKNOWN_ADDRESS)
        return target, route

    async def _verify(
        self, route: Route, claimed: WebhookHeaders, body: bytes, entry: access.Entry
    ) -> None:
        found = await self._verifier.verify(route.schemes, claimed, body, self._now())
        entry.scheme = found.scheme
        if found.verdict is not Verdict.VALID:
            raise Refused(Result.BAD_SIGNATURE)

    async def _deliver(
        self,
        target: Target,
        route: Route,
        claimed: WebhookHeaders,
        body: bytes,
        entry: access.Entry,
    ) -> Answer:
        """Record a verified event, unless too many others are being recorded."""
        if self._in_flight >= self._limits.in_flight:
            raise Refused(Result.BUSY)
        wait = self._budget.take(_address_of(target))
        if wait > 0:
            raise Refused(Result.OVER_BUDGET, wait)
        derived = event.derive(claimed, target.attempt, body)
        entry.event_type = derived.type
        if not event.concerns(derived, route.family):
            return Answer(Result.IRRELEVANT)
        self._in_flight += 1
        try:
            return await self._acknowledger.record(target, derived)
        finally:
            self._in_flight -= 1


def _address_of(target: Target) -> tuple[str, str]:
    """What limits count by: one attempt of one job, under whichever key its address was made."""
    return target.uid, target.attempt
