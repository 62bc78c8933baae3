"""The routes under /emulator/: what tests see and what they may change. None of them is Google's."""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from gemini_emulator.addresses import is_loopback
from gemini_emulator.batch_runner import Jobs
from gemini_emulator.batches import Batch, Batches
from gemini_emulator.deliveries import Deliveries, shown
from gemini_emulator.errors import ApiError, invalid_argument, not_found
from gemini_emulator.faults import Faults, parse_fault
from gemini_emulator.files import Files, Uploads
from gemini_emulator.request_filter import Counters, error_response
from gemini_emulator.routes import Handler, json_body
from gemini_emulator.schedule import rfc3339
from gemini_emulator.signing import SigningKeys

_ACTIONS = {"succeed", "fail", "expire", "cancel", "hang"}
_Control = Callable[[web.Request], Awaitable[object]]


class Control:
    """Needs the bearer token, if there is one; without one it answers on loopback names only."""

    def __init__(
        self,
        *,
        token: str | None,
        jobs: Jobs,
        files: Files,
        uploads: Uploads,
        deliveries: Deliveries,
        faults: Faults,
        counters: Counters,
        keys: SigningKeys,
    ) -> None:
        self._token = token
        self._jobs = jobs
        self._files = files
        self._uploads = uploads
        self._deliveries = deliveries
        self._faults = faults
        self._counters = counters
        self._keys = keys

    @property
    def _batches(self) -> Batches:
        return self._jobs.batches

    def add_to(self, router: web.UrlDispatcher) -> None:
        for method, path, action in (
            ("GET", "state", self.state),
            ("POST", "jobs/{batch:(?:batches/)?[a-z0-9]+}", self.job),
            ("POST", "deliveries/{delivery}", self.deliver_again),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "faults/release", self.release),
            ("POST", "keys/rotate", self.rotate),
            ("POST", "reset", self.reset),
        ):
            router.add_route(method, f"/emulator/{path}", self._guarded(action))

    async def state(self, request: web.Request) -> object:
        """Show everything there is, of all projects; addresses included, keys never."""
        del request
        return {
            "jobs": [_job(batch) for batch in self._batches],
            "deletedJobs": [_job(batch) for batch in self._batches.removed],
            "files": [
                {"name": f"files/{f.id}", "displayName": f.display_name, "project": f.project}
                for f in self._files
            ],
            "requests": self._counters.snapshot(),
            "deliveries": [row for delivery in self._deliveries for row in shown(delivery)],
            "faults": self._faults.shown(),
            "held": self._faults.held(),
        }

    async def job(self, request: web.Request) -> object:
        """Do `{"action"}` to a batch: succeed, fail, expire, cancel or hang."""
        batch = self._batches.get(request.match_info["batch"].removeprefix("batches/"))
        if batch is None:
            raise not_found()
        body = await json_body(request)
        action = body.get("action") if isinstance(body, dict) else None
        if action not in _ACTIONS:
            raise invalid_argument(f"action must be one of {', '.join(sorted(_ACTIONS))}.")
        if batch.terminal:
            raise ApiError(409, f"The batch has ended as {batch.state}.")
        await self._jobs.force(batch, action)
        return _job(batch)

    async def deliver_again(self, request: web.Request) -> object:
        """Send an event once more, with the same id."""
        if not self._deliveries.again(request.match_info["delivery"]):
            raise not_found()
        return {}

    async def add_fault(self, request: web.Request) -> object:
        self._faults.add(parse_fault(await json_body(request)))
        return {}

    async def clear_faults(self, request: web.Request) -> object:
        del request
        self._faults.clear()
        return {}

    async def release(self, request: web.Request) -> object:
        """Release held requests: `{"answer": true}` lets them go on, false drops them."""
        body = await json_body(request)
        answer = body.get("answer", True) if isinstance(body, dict) else True
        return {"released": self._faults.release(answer=bool(answer))}

    async def rotate(self, request: web.Request) -> object:
        del request
        self._keys.rotate()
        return self._keys.jwks()

    async def reset(self, request: web.Request) -> object:
        """Forget all batches, files, deliveries, faults and counts; signing keys stay."""
        del request
        self._faults.clear()
        for part in (self._batches, self._uploads, self._files, self._deliveries, self._counters):
            part.clear()
        return {}

    def _guarded(self, action: _Control) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._check(request)
                return web.json_response(await action(request))
            except ApiError as error:
                return error_response(error)

        return handle

    def _check(self, request: web.Request) -> None:
        """Keep out strangers, and web pages that reach loopback through a name of their own."""
        if self._token is None:
            if not is_loopback(request.url.host or ""):
                raise ApiError(403, "Control routes are only served on loopback names.")
            return
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise ApiError(401, "Control routes need the bearer token of --control-token.")


def _job(batch: Batch) -> dict[str, object]:
    return {
        "name": batch.name,
        "displayName": batch.display_name,
        "state": batch.state,
        "uris": batch.uris,
        "userMetadata": batch.user_metadata,
        "project": batch.project,
        "model": batch.model,
        "priority": batch.priority,
        "createTime": rfc3339(batch.created),
        "endTime": None if batch.ended is None else rfc3339(batch.ended),
    }
