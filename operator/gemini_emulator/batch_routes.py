"""The batch routes of the Gemini API."""

import asyncio

from aiohttp import web

from gemini_emulator.batch_runner import Jobs
from gemini_emulator.batches import Batch, as_full_operation, as_operation
from gemini_emulator.create_request import METHODS, Kind, parse_create_request
from gemini_emulator.faults import Faults
from gemini_emulator.routes import VERSION, Route, json_body, page, page_size, parameter, project_of
from gemini_emulator.schedule import Clock

_MODEL = VERSION + "/{owner:models|tunedModels}/{model:[^/:]+}:"
_BATCH = VERSION + "/batches/{batch:[^/:]+}"
_PAGE, _LARGEST_PAGE = 50, 1000


class BatchRoutes:
    """Create, get, list, cancel and delete."""

    def __init__(self, jobs: Jobs, faults: Faults, clock: Clock) -> None:
        self._jobs = jobs
        self._faults = faults
        self._clock = clock

    def table(self) -> list[Route]:
        generate, embed = METHODS["GenerateContent"], METHODS["EmbedContent"]
        return [
            Route("POST", _MODEL + generate, "batches.create", self.create),
            Route("POST", _MODEL + embed, "batches.createEmbeddings", self.create_embeddings),
            Route("GET", VERSION + "/batches", "batches.list", self.list),
            Route("GET", _BATCH, "batches.get", self.get),
            Route("POST", _BATCH + ":cancel", "batches.cancel", self.cancel),
            Route("DELETE", _BATCH, "batches.delete", self.delete),
        ]

    async def create(self, request: web.Request) -> web.Response:
        return await self._create(request, "GenerateContent")

    async def create_embeddings(self, request: web.Request) -> web.Response:
        return await self._create(request, "EmbedContent")

    async def _create(self, request: web.Request, kind: Kind) -> web.Response:
        owner = project_of(request)
        model = f"{request.match_info['owner']}/{request.match_info['model']}"
        submission = parse_create_request(await json_body(request), kind=kind, model=model)
        return web.json_response(as_operation(self._jobs.create(owner, submission)))

    async def get(self, request: web.Request) -> web.Response:
        batch = self._find(request)
        results = self._jobs.batches.results(batch)
        return web.json_response(await asyncio.to_thread(as_full_operation, batch, results))

    async def list(self, request: web.Request) -> web.Response:
        owner = project_of(request)
        size = page_size(parameter(request, "pageSize"), default=_PAGE, most=_LARGEST_PAGE)
        newest = self._clock() - self._faults.list_lag()
        batches = [b for b in self._jobs.batches if b.project == owner and b.created <= newest]
        shown, token = page(batches, size, parameter(request, "pageToken") or "")
        answer: dict[str, object] = {}
        if shown:
            answer["operations"] = [as_operation(batch) for batch in shown]
        if token:
            answer["nextPageToken"] = token
        return web.json_response(answer)

    async def cancel(self, request: web.Request) -> web.Response:
        self._jobs.cancel(self._find(request))
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.Response:
        self._jobs.batches.remove(self._find(request))
        return web.json_response({})

    def _find(self, request: web.Request) -> Batch:
        return self._jobs.batches.find(project_of(request), request.match_info["batch"])
