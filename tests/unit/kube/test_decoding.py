"""Lists and watches as the API server sends them, with objects in them that are nested too deep."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gemini_operator.base.nesting import Undecodable
from gemini_operator.kube import decoding
from gemini_operator.kube.decoding import BoundedResponse

GOOD: dict[str, Any] = {
    "kind": "GeminiBatchJob",
    "metadata": {"name": "good"},
    "spec": {"text": "a\n[{"},
}


def deep(levels: int) -> bytes:
    return b'{"metadata":{"name":"deep"},"spec":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"


def test_a_list_with_a_deep_object_gives_all_objects() -> None:
    page = b'{"items":[' + deep(5_000) + b"," + json.dumps(GOOD).encode() + b"]}"
    first, second = decoding.parse(page)["items"]
    assert first["metadata"] == {"name": "deep"}
    assert second == GOOD


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{", b"\xff", b'{"a":1}\0', b'{"a":\xff}'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Undecodable):
        decoding.parse(body)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Serve an answer in these pieces; answers with its URL."""
    runners: list[web.AppRunner] = []

    async def start(pieces: list[bytes], status: int = 200) -> str:
        async def handler(request: web.Request) -> web.StreamResponse:
            answer = web.StreamResponse(status=status)
            await answer.prepare(request)
            for piece in pieces:
                await answer.write(piece)
            return answer

        app = web.Application()
        app.router.add_get("/", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield start
    for runner in runners:
        await runner.cleanup()


async def watched(url: str) -> list[Any]:
    async with (
        aiohttp.ClientSession(response_class=BoundedResponse) as session,
        session.get(url) as answer,
    ):
        text = b"".join([chunk async for chunk in answer.content.iter_chunked(64)])
    return [json.loads(line) for line in text.splitlines()]


def added(told: bytes) -> bytes:
    return b'{"type":"ADDED","object":' + told + b"}"


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_watch_gives_every_line_however_it_is_cut_into_pieces(
    serve: Callable[..., Awaitable[str]], size: int
) -> None:
    good = json.dumps(GOOD).encode()
    lines = [added(good), added(deep(3_000 if size > 1 else 150)), added(b'{"last":true}')]
    body = b"\n".join([*lines, b'{"half'])
    url = await serve([body[at : at + size] for at in range(0, len(body), size)])
    first, second, third = (event["object"] for event in await watched(url))
    assert (first, third) == (GOOD, {"last": True})
    assert second["metadata"] == {"name": "deep"}


@pytest.mark.parametrize(
    "line",
    [
        added(b'{"metadata":{"name":"cu'),
        b"<html>Bad Gateway</html>",
        b'{"type":"ERROR","object":{"code":500,"message":"etcdserver: timed out"}}',
        b'{"type":"ADDED"}',
        b'["ADDED",{}]',
        b"\xff",
    ],
)
async def test_a_line_that_would_end_the_watch_asks_for_a_new_list(
    serve: Callable[..., Awaitable[str]], line: bytes
) -> None:
    first, last = await watched(await serve([added(b"{}"), b"\n", line, b"\n"]))
    assert first["type"] == "ADDED"
    assert last == {"type": "ERROR", "object": {"code": 410}}


async def test_a_watch_gives_no_content_of_requests(
    serve: Callable[..., Awaitable[str]],
) -> None:
    """Of 1.4 MB in one object Python would make 30 MB, and copy them for each event."""
    size = len(b"[" + b"{}," * 400_000 + b"0]")
    request = b'{"contents":[' + b"{}," * 400_000 + b"0]}"
    inline = b'[{"key":"a","request":' + request + b"}]"
    line = added(b'{"spec":{"input":{"inline":' + inline + b"}}}")
    [event] = await watched(await serve([line, b"\n"]))
    source = event["object"]["spec"]["input"]
    assert source == {"inline": [{"key": "a", "request": {"contents": [size]}}]}


async def test_a_whole_answer_is_bounded_too(
    serve: Callable[..., Awaitable[str]],
) -> None:
    url = await serve([b'{"items":[', deep(2_000), b"]}"])
    async with (
        aiohttp.ClientSession(response_class=BoundedResponse) as session,
        session.get(url) as answer,
    ):
        assert (await answer.json())["items"][0]["metadata"] == {"name": "deep"}


@pytest.mark.parametrize(
    ("status", "error"), [(502, json.JSONDecodeError), (200, aiohttp.ClientPayloadError)]
)
async def test_a_list_that_is_no_json_is_an_error_that_a_watch_can_live_with(
    serve: Callable[..., Awaitable[str]], status: int, error: type[Exception]
) -> None:
    url = await serve([b"<html>Bad Gateway</html>"], status)
    async with (
        aiohttp.ClientSession(response_class=BoundedResponse) as session,
        session.get(url) as answer,
    ):
        with pytest.raises(error):
            await answer.json()
