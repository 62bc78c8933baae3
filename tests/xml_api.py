"""A stand-in for the XML API of Google Cloud Storage: what obstore sends to write and read objects.

fake-gcs-server has no XML API to write with. Objects are in memory, and a bearer token is required.
"""

import base64
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from urllib.parse import unquote

from aiohttp import web

_LIMIT = 64 * 2**20


@dataclass
class XmlApi:
    """The objects and the unfinished uploads of one bucket.

    Attributes:
        issuers: the accounts in the tokens that were used.
    """

    bucket: str
    url: str = ""
    objects: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    issuers: set[str] = field(default_factory=set)
    generation: int = 1000

    async def answer(self, request: web.Request) -> web.StreamResponse:
        bucket, _, key = request.raw_path.partition("?")[0].removeprefix("/").partition("/")
        bucket, key = unquote(bucket), unquote(key)
        if (issuer := _issuer(request.headers.get("authorization", ""))) is None:
            return _error(401, "AuthenticationRequired")
        self.issuers.add(issuer)
        if bucket != self.bucket:
            return _error(404, "NoSuchBucket")
        body = await request.read()
        match request.method:
            case "GET" | "HEAD":
                return self._read(request, key)
            case "PUT" if "uploadId" in request.query:
                return self._put_part(request, body)
            case "PUT":
                return self._put(key, body)
            case "POST" if "uploads" in request.query:
                upload = token_hex(8)
                self.uploads[upload] = {}
                return _xml(
                    f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                )
            case "POST" if request.query.get("uploadId") in self.uploads:
                return self._complete(request.query["uploadId"], key, body.decode())
            case "DELETE" if self.uploads.pop(request.query.get("uploadId", ""), None) is not None:
                return web.Response(status=204)
        return _error(404, "NoSuchUpload")

    def put(self, key: str, content: bytes) -> None:
        self.generation += 1
        self.objects[key] = self.generation, content

    def _put(self, key: str, content: bytes) -> web.Response:
        self.put(key, content)
        return web.Response(headers=self._names(key))

    def _put_part(self, request: web.Request, content: bytes) -> web.Response:
        parts = self.uploads.get(request.query["uploadId"])
        if parts is None:
            return _error(404, "NoSuchUpload")
        number = int(request.query["partNumber"])
        parts[number] = content
        return web.Response(headers={"ETag": f'"part-{number}"'})

    def _complete(self, upload: str, key: str, body: str) -> web.Response:
        numbers = [int(number) for number in re.findall(r"<PartNumber>(\d+)</PartNumber>", body)]
        parts = self.uploads.pop(upload)
        if numbers != sorted(parts):
            return _error(400, "InvalidPart")
        self.put(key, b"".join(parts[number] for number in numbers))
        tag = self._names(key)["ETag"]
        result = (
            f"<CompleteMultipartUploadResult><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        )
        return _xml(result, self._names(key))

    def _read(self, request: web.Request, key: str) -> web.Response:
        if key not in self.objects:
            return _error(404, "NoSuchKey")
        names, content = self._names(key), self.objects[key][1]
        if request.headers.get("if-match", names["ETag"]) != names["ETag"]:
            return _error(412, "PreconditionFailed")
        start = int(request.headers.get("range", "bytes=0-")[6:].partition("-")[0])
        headers = {
            **names,
            "Content-Length": str(len(content) - start),
            "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return web.Response(status=206 if start else 200, headers=headers, body=content[start:])

    def _names(self, key: str) -> dict[str, str]:
        """The headers that name a version."""
        generation = self.objects[key][0]
        return {"ETag": f'"{generation:x}"', "x-goog-generation": str(generation)}


@asynccontextmanager
async def serving(bucket: str) -> AsyncIterator[XmlApi]:
    """The API on a free port, for the running event loop."""
    api = XmlApi(bucket)
    application = web.Application(client_max_size=_LIMIT)
    application.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield api
    finally:
        await runner.cleanup()


def _issuer(authorization: str) -> str | None:
    """Who signed the token: a service account signs its own, without asking Google for one."""
    kind, _, token = authorization.partition(" ")
    try:
        claims = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    except (IndexError, ValueError):
        return None
    return str(found["iss"]) if kind == "Bearer" else None


def _xml(text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=text, content_type="application/xml", headers=headers)


def _error(status: int, code: str) -> web.Response:
    body = f"<Error><Code>{code}</Code></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")
