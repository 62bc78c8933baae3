"""The routes under /emulator/, which show and change the emulator's state. Google has none."""

import hmac
from collections.abc import Awaitable, Callable

from aiohttp import web

from gemini_emulator.addresses import is_loopback
from gemini_emulator.batch_runner import BatchRunner
from gemini_emulator.batches import Batch, BatchStore
from gemini_emulator.deliveries import Deliveries, attempt_rows
from gemini_emulator.errors import ApiError, invalid_argument, not_found
from gemini_emulator.faults import Faults, parse_fault
from gemini_emulator.files import FileStore
from gemini_emulator.request_filter import RequestCounters, error_response
from gemini_emulator.result_options import parse_result_options
from gemini_emulator.routes import RouteHandler, json_body
from gemini_emulator.schedule import rfc3339
from gemini_emulator.signing import SigningKeys
from gemini_emulator.uploads import Uploads
from gemini_emulator.webhooks import Webhook, WebhookStore

_ACTIONS = {"succeed", "fail", "expire", "cancel", "hang"}
_Control = Callable[[web.Request], Awaitable[object]]


class ControlRoutes:
    """The control routes. They require the bearer token, or without one a loopback host name."""

    def __init__(
        self,
        *,
        token: str | None,
        runner: BatchRunner,
        files: FileStore,
        uploads: Uploads,
        webhooks: WebhookStore,
        deliveries: Deliveries,
        faults: Faults,
        counters: RequestCounters,
        keys: SigningKeys,
    ) -> None:
        self._token = token
        self._runner = runner
        self._files = files
        self._uploads = uploads
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._faults = faults
        self._counters = counters
        self._keys = keys

    @property
    def _batches(self) -> BatchStore:
        return self._runner.batches

    def add_to(self, router: web.UrlDispatcher) -> None:
        for method, path, action in (
            ("GET", "state", self.state),
            ("POST", "jobs/{batch:(?:batches/)?[a-z0-9]+}", self.job),
            ("POST", "deliveries/{delivery}", self.deliver_again),
            ("POST", "faults", self.add_fault),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "faults/release", self.release),
            ("POST", "results", self.set_results),
            ("DELETE", "results", self.clear_results),
            ("POST", "keys/rotate", self.rotate),
            ("POST", "reset", self.reset),
        ):
            router.add_route(method, f"/emulator/{path}", self._guarded(action))

    async def state(self, request: web.Request) -> object:
        """Return the state of all projects, with callback addresses and without keys."""
        del request
        return {
            "jobs": [_job(batch) for batch in self._batches],
            "deletedJobs": [_job(batch) for batch in self._batches.removed],
            "files": [
                {"name": f"files/{f.id}", "displayName": f.display_name, "project": f.project}
                for f in self._files
            ],
            "webhooks": [_webhook(webhook) for webhook in self._webhooks],
            "requests": self._counters.snapshot(),
            "deliveries": [row for delivery in self._deliveries for row in attempt_rows(delivery)],
            "faults": self._faults.snapshot(),
            "held": self._faults.held(),
            "results": self._runner.default_options.document,
        }

    async def job(self, request: web.Request) -> object:
        """Apply `{"action"}` to a batch: succeed, fail, expire, cancel or hang."""
        batch = self._batches.get(request.match_info["batch"].removeprefix("batches/"))
        if batch is None:
            raise not_found()
        body = await json_body(request)
        action = body.get("action") if isinstance(body, dict) else None
        if action not in _ACTIONS:
            raise invalid_argument(f"action must be one of {', '.join(sorted(_ACTIONS))}.")
        if batch.terminal:
            raise ApiError(409, f"The batch has ended as {batch.state}.")
        await self._runner.force(batch, action)
        return _job(batch)

    async def deliver_again(self, request: web.Request) -> object:
        """Send an event again with the same id."""
        if not self._deliveries.redeliver(request.match_info["delivery"]):
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
        """Release held requests: true in `{"answer"}` continues them, false drops them."""
        body = await json_body(request)
        answer = body.get("answer", True) if isinstance(body, dict) else True
        return {"released": self._faults.release(answer=bool(answer))}

    async def set_results(self, request: web.Request) -> object:
        """Set how results look: those of `{"batch"}`, or of every batch that ends from now on."""
        body = await json_body(request)
        document = dict(body) if isinstance(body, dict) else body
        name = document.pop("batch", None) if isinstance(document, dict) else None
        parse_result_options(document)
        if name is None:
            self._runner.default_options.set(document)
            return document
        batch = self._batches.get(str(name).removeprefix("batches/"))
        if batch is None:
            raise not_found()
        if batch.terminal:
            raise ApiError(409, f"The batch has ended as {batch.state}.")
        batch.result_options = document
        self._batches.save(batch)
        return document

    async def clear_results(self, request: web.Request) -> object:
        """Forget the options: late results are shown and downloads work; written rows stay."""
        del request
        self._runner.default_options.clear()
        for batch in self._batches:
            if batch.result_options is not None:
                batch.result_options = None
                batch.hidden_reads = batch.failing_downloads = 0
                self._batches.save(batch)
        return {}

    async def rotate(self, request: web.Request) -> object:
        del request
        self._keys.rotate()
        return self._keys.jwks()

    async def reset(self, request: web.Request) -> object:
        """Remove all state and options, but no signing keys."""
        del request
        self._faults.clear()
        self._runner.default_options.clear()
        for part in (
            self._batches,
            self._uploads,
            self._files,
            self._webhooks,
            self._deliveries,
            self._counters,
        ):
            part.clear()
        return {}

    def _guarded(self, action: _Control) -> RouteHandler:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._check_access(request)
                return web.json_response(await action(request))
            except ApiError as error:
                return error_response(error)

        return handle

    def _check_access(self, request: web.Request) -> None:
        """Require the bearer token; without one, require a loopback host name.

        The name check stops web pages that reach loopback through DNS rebinding.

        Raises:
            ApiError: 401 or 403, access is refused.
        """
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


def _webhook(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "name": webhook.name,
        "uri": webhook.uri,
        "subscribedEvents": webhook.subscribed_events,
        "state": webhook.state,
        "project": webhook.project,
    }
