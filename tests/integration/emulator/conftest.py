"""An emulator process, raw HTTP to it, and somebody who receives its callbacks."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.emulator_process import API_KEY, EmulatorProcess

REQUEST = {"contents": [{"parts": [{"text": "Say hello"}]}]}


def started_with(*options: str) -> pytest.MarkDecorator:
    """Give a test's emulator further command-line options."""
    return pytest.mark.parametrize("emulator", [options], indirect=True, ids=[" ".join(options)])


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path_factory.mktemp("emulator") / "state") as process:
        yield process


@pytest.fixture
def emulator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmulatorProcess]:
    """A process of its own for a test with `started_with`, else the shared one, emptied."""
    if hasattr(request, "param"):
        with EmulatorProcess(tmp_path / "state", *request.param) as process:
            yield process
        return
    process = request.getfixturevalue("shared")
    process.ensure_running()
    process.reset()
    yield process


class Gemini:
    """The Gemini API over plain HTTP."""

    def __init__(self, session: aiohttp.ClientSession, emulator: EmulatorProcess) -> None:
        self.session = session
        self._emulator = emulator

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url = f"{self._emulator.url}/v1beta/{path}"
        async with self.session.request(method, url, json=body) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        status, body = await self.call("GET", path)
        assert status == 200, body
        return body

    async def create(self, *uris: str, text: str = "Say hello", **more: Any) -> str:
        request = {"request": {"contents": [{"parts": [{"text": text}]}]}}
        batch = {"inputConfig": {"requests": {"requests": [request]}}, **more}
        if uris:
            batch["webhookConfig"] = {"uris": list(uris), "user_metadata": {"job_uid": "u-1"}}
        status, body = await self.call(
            "POST", "models/gemini-2.5-flash:batchGenerateContent", {"batch": batch}
        )
        assert status == 200, body
        return str(body["name"])


@pytest.fixture
async def gemini(emulator: EmulatorProcess) -> AsyncIterator[Gemini]:
    headers = {"x-goog-api-key": API_KEY}
    # A pooled connection would not outlive a restart.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
        yield Gemini(session, emulator)


@dataclass(frozen=True)
class Callback:
    """One callback as it arrived."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Inbox:
    """Answers callbacks with `answers` in turn, then with 200, and keeps them all."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[Callback] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status = self.answers.pop(0) if self.answers else 200
        async with self._news:
            self.received.append(Callback(headers, await request.read()))
            self._news.notify_all()
        return web.Response(status=status, headers={"Location": f"{self.url}/elsewhere"})

    async def wait(self, count: int) -> list[Callback]:
        """Wait until so many callbacks have arrived."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(self.received) >= count)
        return self.received


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    inbox = Inbox()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", inbox.receive)
    async with TestServer(app) as server:
        inbox.url = str(server.make_url("")).rstrip("/")
        yield inbox
