import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gemini_operator.receiver.jwks.fetch import MAX_BYTES, JwksFetcher
from gemini_operator.receiver.jwks.store import JwksError
from tests.deliveries import Signer, encoded, jwks

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
SIGNER = Signer()


@asynccontextmanager
async def published(handler: Handler, patience: float = 5.0) -> AsyncIterator[JwksFetcher]:
    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fetcher = JwksFetcher(f"http://127.0.0.1:{site.port}/jwks.json", timeout=patience)
    try:
        yield fetcher
    finally:
        await fetcher.close()
        await runner.cleanup()


def answering(body: bytes, status: int = 200, **headers: str) -> Handler:
    async def handler(_request: web.BaseRequest) -> web.Response:
        return web.Response(
            status=status,
            body=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return handler


async def test_the_published_keys_arrive() -> None:
    async with published(answering(jwks(SIGNER))) as fetch:
        assert (await fetch()).ed25519 == (SIGNER.private.public_key(),)
        assert (await fetch()).ed25519 == (SIGNER.private.public_key(),)


@pytest.mark.row(125)
@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 304, 404, 429, 500, 503])
async def test_s21_anything_but_200_is_an_error_and_no_redirect_is_followed(status: int) -> None:
    seen: list[str] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.path)
        location = {"Location": "/elsewhere"} if status in (301, 302, 307) else {}
        return web.Response(status=status, body=jwks(SIGNER), headers=location)

    async with published(handler) as fetch:
        with pytest.raises(JwksError, match=str(status)):
            await fetch()
    assert seen == ["/jwks.json"]


async def test_s21_proxies_of_the_environment_are_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with published(answering(jwks(SIGNER))) as fetch:
        assert (await fetch()).ed25519


async def test_a_long_answer_is_cut_off() -> None:
    padded = encoded({"keys": [SIGNER.jwk()], "padding": "x" * MAX_BYTES})
    async with published(answering(padded)) as fetch:
        with pytest.raises(JwksError, match="longer than"):
            await fetch()


async def test_s22_a_compressed_answer_counts_with_its_true_length() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    async with published(answering(bomb, Content_Encoding="gzip")) as fetch:
        with pytest.raises(JwksError):
            await fetch()


async def test_a_slow_answer_is_given_up() -> None:
    released = asyncio.Event()

    async def handler(_request: web.BaseRequest) -> web.Response:
        await released.wait()
        return web.Response(body=jwks(SIGNER))

    async with published(handler, patience=0.1) as fetch:
        with pytest.raises(JwksError, match="in time"):
            await fetch()
        released.set()


async def test_a_broken_answer_is_an_error() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"keys":')
        assert request.transport is not None
        request.transport.close()
        return response

    async with published(handler) as fetch:
        with pytest.raises(JwksError, match="no connection"):
            await fetch()


async def test_a_refused_connection_is_an_error() -> None:
    fetch = JwksFetcher("http://127.0.0.1:9/jwks.json")
    with pytest.raises(JwksError, match="no connection"):
        await fetch()
    await fetch.close()


async def test_no_cookies_are_kept() -> None:
    seen: list[str | None] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers.get("Cookie"))
        return web.Response(body=jwks(SIGNER), headers={"Set-Cookie": "a=b"})

    async with published(handler) as fetch:
        await fetch()
        await fetch()
    assert seen == [None, None]
