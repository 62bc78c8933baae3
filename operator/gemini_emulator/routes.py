"""What the routes share: the route type, reading a request, and pagination of lists."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from aiohttp import web

from gemini_emulator.api_keys import project_of_key
from gemini_emulator.errors import invalid_argument

RouteHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

VERSION = "/{version:v1(?:beta|alpha)?}"


class ApiRoute(NamedTuple):
    """One route; counters and faults refer to it by `name`."""

    method: str
    path: str
    name: str
    handler: RouteHandler


class DownloadResponse(web.FileResponse):
    """A response with a file's content; a fault that truncates it reads the path in `content`."""

    def __init__(self, content: Path) -> None:
        super().__init__(content, headers={"Content-Type": "application/octet-stream"})
        self.content = content


def project_of(request: web.Request) -> str:
    """Return the project of the request's API key.

    Raises:
        ApiError: the key is missing, unknown or refused.
    """
    return project_of_key(request.headers.get("x-goog-api-key") or request.query.get("key"))


def base_url(request: web.Request) -> str:
    """Return the emulator's base URL as the client used it."""
    return f"{request.scheme}://{request.host}"


async def json_body(request: web.Request) -> Any:
    """Return the body as JSON; an empty body is `{}`."""
    try:
        return await request.json() if (await request.read()).strip() else {}
    except ValueError as error:
        raise invalid_argument(
            "Invalid JSON payload received. The body could not be parsed."
        ) from error


def query_parameter(request: web.Request, name: str) -> str | None:
    """Return a query parameter in either spelling: `pageSize` or `page_size`."""
    spelled = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return request.query.get(name, request.query.get(spelled))


class Listed(Protocol):
    """An item of a list."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> float: ...


T = TypeVar("T", bound=Listed)


def page(items: Sequence[T], size: int, token: str) -> tuple[list[T], str]:
    """Return one page, newest first, and the token of the next page; empty on the last.

    The token holds the position of the last item, so items added or removed between two calls move
    nothing.
    """
    after = _read_page_token(token) if token else None
    ordered = sorted(items, key=_sort_key)
    rest = [item for item in ordered if after is None or _sort_key(item) > after]
    shown = rest[:size]
    return shown, _page_token(shown[-1]) if len(rest) > size else ""


def requested_page(
    request: web.Request, items: Sequence[T], *, default: int, maximum: int
) -> tuple[list[T], str]:
    """Return the page that a request's `pageSize` and `pageToken` name, as `page` does."""
    size = page_size(query_parameter(request, "pageSize"), default=default, maximum=maximum)
    return page(items, size, query_parameter(request, "pageToken") or "")


def page_size(text: str | None, *, default: int, maximum: int) -> int:
    """Read a page size: 0 and none mean the default, larger sizes the maximum."""
    try:
        size = int(text or 0)
    except ValueError:
        size = -1
    if size < 0:
        raise invalid_argument("Invalid value for page_size: a number of at least 0 is expected.")
    return min(size or default, maximum)


def _sort_key(item: Listed) -> tuple[float, str]:
    return -item.created, item.id


def _page_token(item: Listed) -> str:
    return base64.urlsafe_b64encode(json.dumps(_sort_key(item)).encode()).decode()


def _read_page_token(token: str) -> tuple[float, str]:
    try:
        created, identity = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(created), str(identity)
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid_argument("Invalid page token.") from error
