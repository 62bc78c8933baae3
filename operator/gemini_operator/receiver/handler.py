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
from gemini_operator.receiver.routes import ROUTES, Route
from gemini_operator.receiver.signatures import headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.verdict import Verdict
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
        access.record(entry, answer, time.perf_counter() - started)
        return answers.response(answer)

    async def _handle(self, request: web.BaseRequest, entry: access.Entry) -> Answer:
        edge.check_method(request)
        target, route = self._locate(request.raw_path)
        entry.target = target
        edge.check_size(request, self._limits)
        claimed = headers.read(request.raw_headers)
        if claimed is None:
            raise Refused(Result.BAD_HEADERS)
        if not claimed.is_current(self._now()):
            raise Refused(Result.STALE)
        if self._in_flight >= self._limits.in_flight:
            raise Refused(Result.BUSY)
        self._in_flight += 1
        try:
            body = await edge.read_body(request, self._limits)
            async with asyncio.timeout(self._limits.answer_seconds):
                return await self._deliver(target, route, claimed, body, entry)
        except TimeoutError:
            return Answer(Result.UNAVAILABLE)
        finally:
            self._in_flight -= 1

    def _locate(self, raw_path: str) -> tuple[Target, Route]:
        parsed = address.parse(raw_path)
        if parsed is None:
            raise Refused(Result.UNKNOWN_ADDRESS)
        target, token = parsed
        route = self._routes.get(target.plural)
        if route is None or not address.verify(self._keys.verifying(), target, token):
            raise Refused(Result.UNKNOWN_ADDRESS)
        return target, route

    async def _deliver(
        self,
        target: Target,
        route: Route,
        claimed: WebhookHeaders,
        body: bytes,
        entry: access.Entry,
    ) -> Answer:
        found = await self._verifier.verify(route.schemes, claimed, body, self._now())
        entry.scheme = found.scheme
        if found.verdict is not Verdict.VALID:
            raise Refused(Result.BAD_SIGNATURE)
        wait = self._budget.take((target.uid, target.attempt))
        if wait > 0:
            raise Refused(Result.OVER_BUDGET, wait)
        derived = event.derive(claimed, target.attempt, body)
        entry.event_type = derived.type
        if not event.concerns(derived, route.family):
            return Answer(Result.IRRELEVANT)
        return await self._acknowledger.record(target, derived)
