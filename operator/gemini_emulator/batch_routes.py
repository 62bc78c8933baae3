"""The Gemini API's routes for batches."""

import asyncio

from aiohttp import web

from gemini_emulator.batch_runner import BatchRunner
from gemini_emulator.batches import Batch, as_full_operation, as_operation
from gemini_emulator.create_request import METHODS, parse_create_request
from gemini_emulator.faults import Faults
from gemini_emulator.request_check import Kind
from gemini_emulator.result_serving import results_hidden
from gemini_emulator.routes import (
    VERSION,
    ApiRoute,
    json_body,
    project_of,
    requested_page,
)
from gemini_emulator.schedule import TimeSource

_MODEL = VERSION + "/{owner:models|tunedModels}/{model:[^/:]+}:"
_BATCH = VERSION + "/batches/{batch:[^/:]+}"
_DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE = 50, 1000


class BatchRoutes:
    """Creates, gets, lists, cancels and deletes batches."""

    def __init__(self, runner: BatchRunner, faults: Faults, clock: TimeSource) -> None:
        self._runner = runner
        self._faults = faults
        self._clock = clock

    def table(self) -> list[ApiRoute]:
        generate, embed = METHODS["GenerateContent"], METHODS["EmbedContent"]
        return [
            ApiRoute("POST", _MODEL + generate, "batches.create", self.create),
            ApiRoute("POST", _MODEL + embed, "batches.createEmbeddings", self.create_embeddings),
            ApiRoute("GET", VERSION + "/batches", "batches.list", self.list),
            ApiRoute("GET", _BATCH, "batches.get", self.get),
            ApiRoute("POST", _BATCH + ":cancel", "batches.cancel", self.cancel),
            ApiRoute("DELETE", _BATCH, "batches.delete", self.delete),
        ]

    async def create(self, request: web.Request) -> web.Response:
        return await self._create(request, "GenerateContent")

    async def create_embeddings(self, request: web.Request) -> web.Response:
        return await self._create(request, "EmbedContent")

    async def _create(self, request: web.Request, kind: Kind) -> web.Response:
        owner = project_of(request)
        model = f"{request.match_info['owner']}/{request.match_info['model']}"
        create_request = parse_create_request(await json_body(request), kind=kind, model=model)
        await asyncio.to_thread(self._runner.check_input, owner, create_request)
        return web.json_response(as_operation(self._runner.create(owner, create_request)))

    async def get(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        if results_hidden(batch, self._runner.batches, self._clock()):
            return web.json_response(as_operation(batch))
        results = self._runner.batches.results(batch)
        return web.json_response(await asyncio.to_thread(as_full_operation, batch, results))

    async def list(self, request: web.Request) -> web.Response:
        owner = project_of(request)
        newest = self._clock() - self._faults.list_lag()
        batches = [b for b in self._runner.batches if b.project == owner and b.created <= newest]
        shown, token = requested_page(
            request, batches, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE
        )
        answer: dict[str, object] = {}
        if shown:
            answer["operations"] = [as_operation(batch) for batch in shown]
        if token:
            answer["nextPageToken"] = token
        return web.json_response(answer)

    async def cancel(self, request: web.Request) -> web.Response:
        self._runner.cancel(self._find(request))
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.Response:
        self._runner.batches.remove(self._find(request))
        return web.json_response({})

    def _find(self, request: web.Request) -> Batch:
        return self._runner.batches.find(project_of(request), request.match_info["batch"])
