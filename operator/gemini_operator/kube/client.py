"""The client of the API server, on bare aiohttp: a third of the generated client's CPU time.

It checks names that become part of a path (S3), follows no redirect and no proxy of the environment
(S21), and limits the size of answers (S22). It never retries: only the caller knows whether a
repetition is safe. Why it exists: decision 0002.
"""

import io
import json
import re
from collections.abc import Mapping
from typing import Any

import aiohttp
from yarl import URL

from gemini_operator.base.nesting import Undecodable
from gemini_operator.kube import decoding, errors
from gemini_operator.kube.connection import ClusterConnection

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_ONLY_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

MAX_ANSWER = 16 * 1024 * 1024
"""Bytes, counted after decompression. An object has at most 1.5 MiB, list pages are kept small."""

_ONE_PIECE = 64 * 1024
"""Bytes that are sent at once. Results may have 900 KiB."""

_SEGMENT = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,252}", re.ASCII)


def path_of(segments: tuple[str, ...]) -> str:
    """Return the path of these segments.

    Raises:
        BadName: a segment is empty, or has `..` or anything but `A-Z a-z 0-9 . _ : -`. A name with
            a slash could reach another namespace (S3).
    """
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise errors.BadName(400, "BadName", f"{segment!r} cannot be part of an API path")
    # None of these characters needs an escape.
    return "/" + "/".join(segments)


class KubeClient:
    """Sends requests to the API server. Every method raises KubeErrors only, besides cancellation.

    Args:
        connection: the address and the credentials.
        timeout: seconds for one request, connecting included.
        limit: requests at a time.
        max_answer: bytes of an answer, after decompression.
    """

    def __init__(
        self,
        connection: ClusterConnection,
        *,
        timeout: float = 10.0,
        limit: int = 64,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        self.connection = connection
        self._max_answer = max_answer
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limit, ssl=connection.ssl),
            # No answer may influence a later request.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "gemini-operator"},
            timeout=aiohttp.ClientTimeout(total=timeout),
            trust_env=False,
        )

    async def get(
        self,
        *segments: str,
        params: Mapping[str, str] | None = None,
        accept: str | None = None,
    ) -> dict[str, Any]:
        return await self._send("GET", segments, params=params, accept=accept)

    async def post(
        self, *segments: str, body: Mapping[str, Any], dry_run: bool = False
    ) -> dict[str, Any]:
        """`dry_run`: the API server decides as ever, admission included, and stores nothing."""
        params = {"dryRun": "All"} if dry_run else None
        return await self._send(
            "POST", segments, params=params, body=body, content_type="application/json"
        )

    async def put(self, *segments: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Replace an object; with a resourceVersion in `body`, only that version of it."""
        return await self._send("PUT", segments, body=body, content_type="application/json")

    async def patch(
        self, *segments: str, body: object, merge: bool, accept: str | None = None
    ) -> dict[str, Any]:
        """Patch an object.

        Args:
            segments: of the path.
            body: the patch.
            merge: `body` is a merge patch (RFC 7396); if not, a JSON patch (RFC 6902).
            accept: the media type of the answer; plain JSON by default.
        """
        kind = MERGE_PATCH if merge else JSON_PATCH
        return await self._send("PATCH", segments, body=body, content_type=kind, accept=accept)

    async def delete(self, *segments: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._send("DELETE", segments, body=body, content_type="application/json")

    async def close(self) -> None:
        await self._session.close()

    async def _send(
        self,
        method: str,
        segments: tuple[str, ...],
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str | None = None,
        accept: str | None = None,
    ) -> dict[str, Any]:
        # Encoded already: yarl would decode and normalise the path once more.
        url = URL(self.connection.server + path_of(segments), encoded=True)
        headers = {"Accept": accept or "application/json"}
        if body is not None and content_type:
            headers["Content-Type"] = content_type
        data = None if body is None else _encoded(body)
        try:
            return await self._exchange(method, url, params, headers, data)
        # Before OSError, of which TimeoutError is a subclass.
        except TimeoutError:
            raise errors.ApiServerUnavailable(
                0, "Timeout", f"no answer to {method} in time"
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise errors.ApiServerUnavailable(0, "NoConnection", _broken(error)) from None

    async def _exchange(
        self,
        method: str,
        url: URL,
        params: Mapping[str, str] | None,
        headers: dict[str, str],
        data: io.BytesIO | bytes | None,
    ) -> dict[str, Any]:
        async with self._session.request(
            method,
            url if params is None else url.update_query(params),
            headers=headers | await self.connection.headers(),
            data=data,
            # A redirect would carry the token to another host.
            allow_redirects=False,
            server_hostname=self.connection.server_hostname,
            proxy=self.connection.proxy,
        ) as answer:
            body = await self._read(answer)
            if answer.status >= 300:
                raise errors.from_answer(answer.status, answer.headers, body)
            return _decoded(body)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        # Counted while it is read: Content-Length may be missing, or be that of compressed data.
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self._max_answer:
                text = f"an answer of more than {self._max_answer} bytes was cut off"
                raise errors.AnswerTooLarge(answer.status, "AnswerTooLarge", text)
        return bytes(body)


# Made once: with arguments, `json.dumps` makes a new one for each body.
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _encoded(body: object) -> io.BytesIO | bytes:
    """Return the body; a long one as a file, which aiohttp sends in pieces."""
    encoded = _ENCODER.encode(body).encode()
    return encoded if len(encoded) <= _ONE_PIECE else io.BytesIO(encoded)


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        return decoding.parse(body)
    except Undecodable as error:
        raise errors.ApiServerUnavailable(200, "BrokenAnswer", str(error)) from None


def _broken(error: Exception) -> str:
    """Describe a failure without its request, whose path may name objects of another user."""
    cause = getattr(error, "os_error", None) or error
    return f"the API server cannot be reached: {type(cause).__name__}: {cause}"
