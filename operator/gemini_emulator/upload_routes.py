"""Resumable upload: `start`, then chunks to the URL that it answers with, the last finalizing."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from gemini_emulator import files, uploads
from gemini_emulator.errors import invalid_argument
from gemini_emulator.routes import VERSION, Route, base_url, json_body, project
from gemini_emulator.uploads import Upload, Uploads
from gemini_emulator.wire import member, text

_PREFIX = "X-Goog-Upload-"


class UploadRoutes:
    """Both halves share a path; a chunk is told by its `upload_id` and carries no API key."""

    def __init__(self, sessions: Uploads) -> None:
        self._uploads = sessions

    def table(self) -> list[Route]:
        path = "/upload" + VERSION + "/files"
        return [
            Route("POST", path, "files.upload", self.start),
            Route("POST", path + "/{upload}", "files.uploadChunk", self.chunk),
            Route("PUT", path + "/{upload}", "files.uploadChunk", self.chunk),
        ]

    async def start(self, request: web.Request) -> web.Response:
        owner, command = project(request), _header(request.headers, "Command")
        if command != "start" or _header(request.headers, "Protocol") != "resumable":
            raise invalid_argument("Only resumable uploads are served: X-Goog-Upload-Command.")
        body = await json_body(request)
        meta = member(body, "file") if isinstance(body, dict) else None
        meta = meta if isinstance(meta, dict) else {}
        upload = Upload(
            id=uploads.new_id(),
            project=owner,
            file_id=_wanted_id(text(meta, "name", "file")),
            display_name=text(meta, "displayName", "file"),
            mime_type=_mime_type(request.headers, text(meta, "mimeType", "file")),
            expected=_number(request.headers, "Header-Content-Length"),
        )
        self._uploads.start(upload)
        # The Python SDK looks the header up in exactly this spelling.
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
        file = await asyncio.to_thread(self._uploads.finalize, upload)
        return web.json_response(
            {"file": file.resource(base_url(request))},
            headers={"X-Goog-Upload-Status": "final"},
        )


async def _content(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        yield chunk


def _header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(_PREFIX + name, "").strip().lower()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = _header(headers, name)
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise invalid_argument(f"{_PREFIX}{name} must be a number of bytes.")
    return int(value)


def _mime_type(headers: Mapping[str, str], declared: str) -> str:
    return declared or _header(headers, "Header-Content-Type") or "application/octet-stream"


def _wanted_id(name: str) -> str:
    if not name:
        return files.new_id()
    return files.check_id(name.removeprefix("files/"), "CreateFileRequest.file.name")
