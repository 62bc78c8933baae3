"""What every route shares: its name, who asks, and the JSON that goes both ways."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from gemini_emulator.errors import invalid_argument
from gemini_emulator.projects import project_of

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


def project(request: web.Request) -> str:
    """Name the project that asks; ApiError where Google refuses the key."""
    return project_of(request.headers.get("x-goog-api-key") or request.query.get("key"))


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
