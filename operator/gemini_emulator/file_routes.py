"""The file routes of the Gemini API, uploading aside."""

from aiohttp import web

from gemini_emulator.batches import Batches
from gemini_emulator.errors import invalid_argument
from gemini_emulator.files import File, Files, check_id, no_access
from gemini_emulator.pages import page, page_size
from gemini_emulator.routes import (
    VERSION,
    FileAnswer,
    Route,
    base_url,
    parameter,
    project,
)

_FILE = "/files/{file:[^/:]+}"
_PAGE, _LARGEST_PAGE = 10, 100
_RESULTS = "batch-"


class FileRoutes:
    """Get, list, delete and download."""

    def __init__(self, files: Files, batches: Batches) -> None:
        self._files = files
        self._batches = batches

    def table(self) -> list[Route]:
        download = _FILE + ":download"
        return [
            Route("GET", VERSION + "/files", "files.list", self.list),
            Route("GET", VERSION + _FILE, "files.get", self.get),
            Route("DELETE", VERSION + _FILE, "files.delete", self.delete),
            Route("GET", VERSION + download, "files.download", self.download),
            Route("GET", "/download" + VERSION + download, "files.download", self.download),
        ]

    async def list(self, request: web.Request) -> web.Response:
        owner = project(request)
        size = page_size(parameter(request, "pageSize"), default=_PAGE, most=_LARGEST_PAGE)
        files = [file for file in self._files if file.project == owner]
        shown, token = page(files, size, parameter(request, "pageToken") or "")
        answer: dict[str, object] = {}
        if shown:
            answer["files"] = [file.resource(base_url(request)) for file in shown]
        if token:
            answer["nextPageToken"] = token
        return web.json_response(answer)

    async def get(self, request: web.Request) -> web.Response:
        file = self._find(request, "GetFileRequest.name")
        return web.json_response(file.resource(base_url(request)))

    async def delete(self, request: web.Request) -> web.Response:
        self._files.remove(self._find(request, "DeleteFileRequest.name"))
        return web.json_response({})

    async def download(self, request: web.Request) -> FileAnswer:
        """Send a result file; files that were uploaded can't be downloaded.

        Source: https://ai.google.dev/gemini-api/docs/files
        """
        owner, file_id = project(request), request.match_info["file"]
        batch = self._batches.get(file_id.removeprefix(_RESULTS))
        if batch and batch.project == owner and batch.results_file == f"files/{file_id}":
            return FileAnswer(self._batches.results(batch))
        if self._files.get(owner, file_id):
            raise invalid_argument(
                "Only files that the service generated can be downloaded, not uploaded ones."
            )
        raise no_access(file_id)

    def _find(self, request: web.Request, where: str) -> File:
        owner = project(request)
        return self._files.find(owner, check_id(request.match_info["file"], where))
