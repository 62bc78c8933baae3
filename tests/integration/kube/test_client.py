"""The client against peers that misbehave as an API server, a proxy or an attacker might."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from gemini_operator.kube.errors import ApiServerUnavailable, BadName, KubeError, TooManyRequests

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def headers() -> dict[str, str]:
    return {"Authorization": "Bearer local-token"}


def client_of(server: str, *, timeout: float = 10, max_answer: int = 1024) -> KubeClient:
    connection = ClusterConnection(server, ssl=True, namespace="default", headers=headers)
    return KubeClient(connection, timeout=timeout, max_answer=max_answer)


@asynccontextmanager
async def peer(handler: Handler) -> AsyncIterator[str]:
    """A server on a free port that gives every request to `handler`."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def talking_to(
    handler: Handler, *, patience: float = 10, max_answer: int = 1024
) -> AsyncIterator[KubeClient]:
    async with peer(handler) as server:
        client = client_of(server, timeout=patience, max_answer=max_answer)
        try:
            yield client
        finally:
            await client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_refused_connection_is_unavailable() -> None:
    client = client_of(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ApiServerUnavailable) as error:
        await client.get("api")
    await client.close()
    assert error.value.status == 0


async def test_an_unknown_host_is_unavailable() -> None:
    client = client_of("http://no-such-host.invalid")
    with pytest.raises(ApiServerUnavailable):
        await client.get("api")
    await client.close()


async def test_an_answer_that_does_not_come_is_unavailable() -> None:
    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with talking_to(silent, patience=0.2) as client:
        with pytest.raises(ApiServerUnavailable) as error:
            await client.get("api")
    assert error.value.reason == "Timeout"


async def test_an_answer_that_stops_in_its_middle_is_unavailable() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b'{"kind":')
        assert request.transport
        request.transport.close()
        return answer

    async with talking_to(broken) as client:
        with pytest.raises(ApiServerUnavailable):
            await client.get("api")


async def test_a_throttled_request_tells_how_long_to_wait() -> None:
    async def busy(_: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "7"})

    async with talking_to(busy) as client:
        with pytest.raises(TooManyRequests) as error:
            await client.post("api", body={})
    assert error.value.retry_after == 7.0


async def test_an_overloaded_server_tells_how_long_to_wait() -> None:
    async def starting(_: web.Request) -> web.Response:
        return web.json_response({}, status=503, headers={"Retry-After": "2"})

    async with talking_to(starting) as client:
        with pytest.raises(ApiServerUnavailable) as error:
            await client.get("api")
    assert error.value.retry_after == 2.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_s21_a_redirect_is_not_followed(status: int) -> None:
    seen: list[str] = []

    async def thief(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    async with peer(thief) as elsewhere:

        async def redirecting(_: web.Request) -> web.Response:
            return web.Response(status=status, headers={"Location": f"{elsewhere}/stolen"})

        async with talking_to(redirecting) as client:
            for call in (client.get("api"), client.patch("api", body={}, merge=True)):
                with pytest.raises(KubeError) as error:
                    await call
                assert error.value.status == status
    assert seen == []


async def test_s21_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def answering(_: web.Request) -> web.Response:
        return web.json_response({"kind": "Direct"})

    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with talking_to(answering) as client:
        assert await client.get("api") == {"kind": "Direct"}


@pytest.mark.parametrize("name", ["../../../x/secrets/y", "..", ".", "a/b", "a%2fb", "%2e%2e", ""])
async def test_s03_a_name_that_is_a_path_never_leaves_the_client(name: str) -> None:
    seen: list[str] = []

    async def recording(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({})

    async with talking_to(recording) as client:
        path = "api", "v1", "namespaces", "default", "secrets", name
        calls = [
            client.get(*path),
            client.post(*path, body={}),
            client.patch(*path, body={}, merge=True),
            client.delete(*path),
        ]
        for call in calls:
            with pytest.raises(BadName):
                await call
    assert seen == []


async def test_s22_an_answer_without_end_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 256)

    async with talking_to(endless) as client:
        with pytest.raises(ApiServerUnavailable) as error:
            await client.get("api")
    assert error.value.reason == "AnswerTooLarge"


async def test_s22_the_size_of_an_answer_counts_after_decompression() -> None:
    async def bomb(_: web.Request) -> web.Response:
        body = gzip.compress(b'{"kind": "' + b"x" * 1_000_000 + b'"}')
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async with talking_to(bomb, max_answer=4096) as client:
        with pytest.raises(ApiServerUnavailable) as error:
            await client.get("api")
    assert error.value.reason == "AnswerTooLarge"


@pytest.mark.parametrize("body", ["", "[]", "null", "<html>", "[" * 1000])
async def test_an_answer_that_is_no_object_is_unavailable(body: str) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with talking_to(odd) as client:
        with pytest.raises(ApiServerUnavailable):
            await client.get("api")


async def test_each_request_is_authenticated_and_says_what_it_sends() -> None:
    seen: list[tuple[str, str, str]] = []

    async def recording(request: web.Request) -> web.Response:
        found = request.headers
        seen.append((request.method, found["Authorization"], found.get("Content-Type", "")))
        return web.json_response({})

    async with talking_to(recording) as client:
        await client.get("api")
        await client.post("api", body={})
        await client.patch("api", body={}, merge=True)
        await client.patch("api", body=[], merge=False)
    assert seen == [
        ("GET", "Bearer local-token", ""),
        ("POST", "Bearer local-token", "application/json"),
        ("PATCH", "Bearer local-token", "application/merge-patch+json"),
        ("PATCH", "Bearer local-token", "application/json-patch+json"),
    ]


async def test_parameters_arrive_as_they_were_given() -> None:
    seen: list[dict[str, str]] = []

    async def recording(request: web.Request) -> web.Response:
        seen.append(dict(request.query))
        return web.json_response({})

    given = {"limit": "1", "continue": "a+b/c==&x=1", "fieldSelector": "status.batchName=b,c%2f"}
    async with talking_to(recording) as client:
        await client.get("api", params=given)
    assert seen == [given]


async def test_a_path_in_the_servers_address_stays_in_front() -> None:
    seen: list[str] = []

    async def recording(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.json_response({})

    async with peer(recording) as server:
        client = client_of(f"{server}/k8s/clusters/c-1")
        await client.get("api", "v1")
        await client.close()
    assert seen == ["/k8s/clusters/c-1/api/v1"]


async def test_s23_no_error_shows_the_token() -> None:
    async def refusing(_: web.Request) -> web.Response:
        return web.json_response({"message": "no"}, status=401)

    async with talking_to(refusing) as client:
        with pytest.raises(KubeError) as error:
            await client.get("api")
    assert "local-token" not in f"{error.value!r} {error.value} {error.value.__cause__}"
