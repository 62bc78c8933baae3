"""The Gemini API's routes for files, including resumable uploads."""

from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from gemini_emulator.batches import BatchStore
from gemini_emulator.errors import invalid_argument
from gemini_emulator.files import (
    File,
    FileStore,
    check_file_id,
    new_file_id,
    no_access,
)
from gemini_emulator.proto_json import member, string_member
from gemini_emulator.result_serving import failing_download
from gemini_emulator.routes import (
    VERSION,
    ApiRoute,
    DownloadResponse,
    base_url,
    json_body,
    project_of,
    requested_page,
)
from gemini_emulator.uploads import Upload, Uploads, new_upload_id

_UPLOAD_HEADER = "X-Goog-Upload-"
_FILE = "/files/{file:[^/:]+}"
_DEFAULT_PAGE_SIZE, _MAX_PAGE_SIZE = 10, 100
_RESULT_FILE = "batch-"


class FileRoutes:
    """Gets, lists, deletes and downloads files."""

    def __init__(self, files: FileStore, batches: BatchStore) -> None:
        self._files = files
        self._batches = batches

    def table(self) -> list[ApiRoute]:
        download = _FILE + ":download"
        return [
            ApiRoute("GET", VERSION + "/files", "files.list", self.list),
            ApiRoute("GET", VERSION + _FILE, "files.get", self.get),
            ApiRoute("DELETE", VERSION + _FILE, "files.delete", self.delete),
            ApiRoute("GET", VERSION + download, "files.download", self.download),
            ApiRoute("GET", "/download" + VERSION + download, "files.download", self.download),
        ]

    async def list(self, request: web.Request) -> web.Response:
        owner = project_of(request)
        files = [file for file in self._files if file.project == owner]
        shown, token = requested_page(
            request, files, default=_DEFAULT_PAGE_SIZE, maximum=_MAX_PAGE_SIZE
        )
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

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Send a result file. Uploaded files cannot be downloaded, as at Google.

        See https://ai.google.dev/gemini-api/docs/files.
        """
        owner, file_id = project_of(request), request.match_info["file"]
        batch = self._batches.get(file_id.removeprefix(_RESULT_FILE))
        if batch and batch.project == owner and batch.results_file == f"files/{file_id}":
            return failing_download(batch, self._batches) or DownloadResponse(
                self._batches.results(batch)
            )
        if self._files.get(owner, file_id):
            raise invalid_argument(
                "Only files that the service generated can be downloaded, not uploaded ones."
            )
        raise no_access(file_id)

    def _find(self, request: web.Request, where: str) -> File:
        owner = project_of(request)
        return self._files.find(owner, check_file_id(request.match_info["file"], where))


class UploadRoutes:
    """Resumable uploads: `start` returns a URL for the chunks, and the last chunk finalizes.

    The upload's id in that URL authorizes the chunks; they carry no API key.
    """

    def __init__(self, sessions: Uploads) -> None:
        self._uploads = sessions

    def table(self) -> list[ApiRoute]:
        path = "/upload" + VERSION + "/files"
        return [
            ApiRoute("POST", path, "files.upload", self.start),
            ApiRoute("POST", path + "/{upload}", "files.uploadChunk", self.chunk),
            ApiRoute("PUT", path + "/{upload}", "files.uploadChunk", self.chunk),
        ]

    async def start(self, request: web.Request) -> web.Response:
        owner, command = project_of(request), _header(request.headers, "Command")
        if command != "start" or _header(request.headers, "Protocol") != "resumable":
            raise invalid_argument("Only resumable uploads are served: X-Goog-Upload-Command.")
        body = await json_body(request)
        meta = member(body, "file") if isinstance(body, dict) else None
        meta = meta if isinstance(meta, dict) else {}
        upload = Upload(
            id=new_upload_id(),
            project=owner,
            file_id=_wanted_id(string_member(meta, "name", "file")),
            display_name=string_member(meta, "displayName", "file"),
            mime_type=_mime_type(request.headers, string_member(meta, "mimeType", "file")),
            expected=_number(request.headers, "Header-Content-Length"),
        )
        self._uploads.start(upload)
        # The Python SDK looks up the header in lower case only.
        target = f"{base_url(request)}{request.path}/{upload.id}"
        headers = {"x-goog-upload-url": target, "X-Goog-Upload-Status": "active"}
        return web.json_response({}, headers=headers)

    async def chunk(self, request: web.Request) -> web.Response:
        upload = self._uploads.find(request.match_info["upload"])
        commands = {part.strip() for part in _header(request.headers, "Command").split(",")}
        if not commands <= {"upload", "finalize", "query", "cancel"} or "" in commands:
            raise invalid_argument("X-Goog-Upload-Command is missing or unknown.")
        if "cancel" in commands:
            self._uploads.cancel(upload)
            return web.json_response({}, headers={"X-Goog-Upload-Status": "cancelled"})
        if "upload" in commands:
            offset = _number(request.headers, "Offset") or 0
            await self._uploads.receive(upload, offset, _content(request))
        if "finalize" in commands:
            return await self._finalize(request, upload)
        return web.json_response(
            {},
            headers={
                "X-Goog-Upload-Status": "active",
                "X-Goog-Upload-Size-Received": str(upload.received),
            },
        )

    async def _finalize(self, request: web.Request, upload: Upload) -> web.Response:
        file = await self._uploads.finalize(upload)
        return web.json_response(
            {"file": file.resource(base_url(request))},
            headers={"X-Goog-Upload-Status": "final"},
        )


async def _content(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        yield chunk


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(_UPLOAD_HEADER + name, "").strip().lower()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = _header(headers, name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise invalid_argument(f"{_UPLOAD_HEADER}{name} must be a number of bytes.")
    return int(value)


def _mime_type(headers: Mapping[str, str], declared: str) -> str:
    return declared or _header(headers, "Header-Content-Type") or "application/octet-stream"


def _wanted_id(name: str) -> str:
    if not name:
        return new_file_id()
    return check_file_id(name.removeprefix("files/"), "CreateFileRequest.file.name")
