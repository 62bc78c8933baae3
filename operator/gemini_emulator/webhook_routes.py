"""The Gemini API's routes for registered webhooks."""

from aiohttp import web

from gemini_emulator.deliveries import Deliveries
from gemini_emulator.errors import ApiError
from gemini_emulator.proto_json import checked_object
from gemini_emulator.routes import (
    VERSION,
    ApiRoute,
    json_body,
    project_of,
    query_parameter,
    requested_page,
)
from gemini_emulator.schedule import TimeSource
from gemini_emulator.webhook_requests import parse_rotation, parse_update, parse_webhook
from gemini_emulator.webhooks import Webhook, WebhookStore

_WEBHOOK = VERSION + "/webhooks/{webhook:[^/:]+}"
_DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE = 50, 1000


class WebhookRoutes:
    """Creates, gets, lists, updates, deletes and pings webhooks, and rotates their secrets."""

    def __init__(self, webhooks: WebhookStore, deliveries: Deliveries, clock: TimeSource) -> None:
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._clock = clock

    def table(self) -> list[ApiRoute]:
        rotate = _WEBHOOK + ":rotateSigningSecret"
        return [
            ApiRoute("POST", VERSION + "/webhooks", "webhooks.create", self.create),
            ApiRoute("GET", VERSION + "/webhooks", "webhooks.list", self.list),
            ApiRoute("GET", _WEBHOOK, "webhooks.get", self.get),
            ApiRoute("PATCH", _WEBHOOK, "webhooks.update", self.update),
            ApiRoute("DELETE", _WEBHOOK, "webhooks.delete", self.delete),
            ApiRoute("POST", _WEBHOOK + ":ping", "webhooks.ping", self.ping),
            ApiRoute("POST", rotate, "webhooks.rotateSigningSecret", self.rotate),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Create a webhook. Only this answer contains its whole secret."""
        owner = project_of(request)
        webhook = self._webhooks.add(owner, parse_webhook(await json_body(request)))
        secret = {"new_signing_secret": webhook.secrets[0].secret}
        return web.json_response(webhook.resource(self._clock()) | secret)

    async def list(self, request: web.Request) -> web.Response:
        owner = project_of(request)
        webhooks = [webhook for webhook in self._webhooks if webhook.project == owner]
        shown, token = requested_page(
            request, webhooks, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE
        )
        answer: dict[str, object] = {}
        if shown:
            answer["webhooks"] = [webhook.resource(self._clock()) for webhook in shown]
        if token:
            answer["next_page_token"] = token
        return web.json_response(answer)

    async def get(self, request: web.Request) -> web.Response:
        webhook = self._find(project_of(request), request)
        return web.json_response(webhook.resource(self._clock()))

    async def update(self, request: web.Request) -> web.Response:
        owner, body = project_of(request), await json_body(request)
        webhook = self._find(owner, request)
        fields = parse_update(body, query_parameter(request, "updateMask"))
        return web.json_response(self._webhooks.update(webhook, fields).resource(self._clock()))

    async def delete(self, request: web.Request) -> web.Response:
        self._webhooks.remove(self._find(project_of(request), request))
        return web.json_response({})

    async def ping(self, request: web.Request) -> web.Response:
        owner, body = project_of(request), await json_body(request)
        webhook = self._find(owner, request)
        checked_object(body, (), "body")
        if not webhook.enabled:
            raise ApiError(400, f"The webhook is {webhook.state}.", status="FAILED_PRECONDITION")
        self._deliveries.ping(webhook)
        return web.json_response({})

    async def rotate(self, request: web.Request) -> web.Response:
        """Rotate the secret. Only this answer contains the whole new secret."""
        owner, body = project_of(request), await json_body(request)
        webhook = self._find(owner, request)
        secret = self._webhooks.rotate(webhook, revoke=parse_rotation(body))
        return web.json_response({"secret": secret.secret})

    def _find(self, owner: str, request: web.Request) -> Webhook:
        """Return the webhook of the path. Call it after reading the body.

        While the body arrives, another request may change or delete the webhook.
        """
        return self._webhooks.find(owner, request.match_info["webhook"])
