"""What every route shares: its name, who asks, and the JSON that goes both ways."""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from aiohttp import web

from gemini_emulator.api_keys import project_of_key
from gemini_emulator.errors import invalid_argument

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

VERSION = "/{version:v1(?:beta|alpha)?}"


class Route(NamedTuple):
    """One route; `name` is what counters and faults know it by."""

    method: str
    path: str
    name: str
    handler: Handler


class FileAnswer(web.FileResponse):
    """A file as the answer; `content` is the path, for a fault that cuts it short."""

    def __init__(self, content: Path) -> None:
        super().__init__(content, headers={"Content-Type": "application/octet-stream"})
        self.content = content


def project_of(request: web.Request) -> str:
    """Name the project that asks; ApiError where Google refuses the key."""
    return project_of_key(request.headers.get("x-goog-api-key") or request.query.get("key"))


def base_url(request: web.Request) -> str:
    """Name the emulator as the client reached it."""
    return f"{request.scheme}://{request.host}"


async def json_body(request: web.Request) -> Any:
    """Read the body as JSON; an empty one is `{}`."""
    try:
        return await request.json() if (await request.read()).strip() else {}
    except ValueError as error:
        raise invalid_argument(
            "Invalid JSON payload received. The body could not be parsed."
        ) from error


def parameter(request: web.Request, name: str) -> str | None:
    """Read a query parameter in camelCase or snake_case: `pageSize` or `page_size`."""
    spelled = "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
    return request.query.get(name, request.query.get(spelled))


class Listed(Protocol):
    """Something that a list shows."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> float: ...


T = TypeVar("T", bound=Listed)


def page(items: Sequence[T], size: int, token: str) -> tuple[list[T], str]:
    """Answer with one page and the token of the next one, which is empty at the end."""
    after = _position(token) if token else None
    ordered = sorted(items, key=_order)
    rest = [item for item in ordered if after is None or _order(item) > after]
    shown = rest[:size]
    return shown, _token(shown[-1]) if len(rest) > size else ""


def page_size(text: str | None, *, default: int, most: int) -> int:
    """Read a page size: 0 and none mean the default, too many mean the most allowed."""
    try:
        size = int(text or 0)
    except ValueError:
        size = -1
    if size < 0:
        raise invalid_argument("Invalid value for page_size: a number of at least 0 is expected.")
    return min(size or default, most)


def _order(item: Listed) -> tuple[float, str]:
    return -item.created, item.id


def _token(item: Listed) -> str:
    return base64.urlsafe_b64encode(json.dumps(_order(item)).encode()).decode()


def _position(token: str) -> tuple[float, str]:
    try:
        created, identity = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(created), str(identity)
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid_argument("Invalid page token.") from error
