import asyncio
import hashlib
from collections.abc import AsyncIterator

import obstore
import pytest
from pydantic import SecretStr

from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import S3Credentials
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    InvalidReference,
    NotAllowed,
    ObjectError,
    SourceChanged,
    SourceMissing,
    TooSlow,
    Truncated,
    Unavailable,
    UnknownCredentials,
)
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import AmbientPrefix, Endpoint, ObjectStoreSettings
from gemini_operator.payload.objects.sink import write
from gemini_operator.payload.objects.source import CHUNK, Patience, Source, open_source
from gemini_operator.payload.objects.stores import Stores
from tests.integration.payload.objects.conftest import opened, source
from tests.object_servers import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    Reply,
    Request,
    S3Server,
    scripted,
)

BODY = bytes(range(256)) * 12 * 1024
HEAD = {
    "content-length": str(len(BODY)),
    "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "etag": '"one"',
}


async def read(found: Source) -> bytes:
    return b"".join([chunk async for chunk in found.chunks()])


async def test_wrong_credentials(shared_server: S3Server) -> None:
    bad = S3Credentials(SecretStr(ACCESS_KEY), SecretStr("wrong"))
    with pytest.raises(AccessDenied, match="correct the Secret") as caught:
        async with source(shared_server.url, "key", bad):
            pass
    assert ACCESS_KEY not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("bucket", ["bucket-one", "no-such-bucket"])
async def test_an_object_that_does_not_exist(shared_server: S3Server, bucket: str) -> None:
    with pytest.raises(SourceMissing, match="create it"):
        async with source(shared_server.url, "missing", bucket=bucket):
            pass


async def test_s02_the_operators_own_identity(shared_server: S3Server) -> None:
    environ = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    location = BucketLocation("s3", BUCKET, "team-a/own")
    settings = ObjectStoreSettings(
        endpoints=(Endpoint("s3", shared_server.url),),
        ambient=(AmbientPrefix("team-a", BucketLocation("s3", BUCKET, "team-a")),),
        allow_insecure=True,
    )
    stores = Stores(settings, AmbientIdentity(environ))

    async def body() -> AsyncIterator[bytes]:
        yield b"hello"

    await write(location, stores.open(location, "team-a", None), body())
    https = HttpsClient(AddressPolicy())
    async with open_source(location, "team-a", None, stores=stores, https=https) as found:
        assert await read(found) == b"hello"
    with pytest.raises(NotAllowed):
        async with open_source(location, "team-b", None, stores=stores, https=https):
            pass


async def test_another_version_than_the_one_seen_before(shared_server: S3Server) -> None:
    store = opened(shared_server.url, "versions")
    await obstore.put_async(store, "versions", b"one")
    async with source(shared_server.url, "versions") as found:
        seen = found.etag
    await obstore.put_async(store, "versions", b"two")
    with pytest.raises(SourceChanged):
        async with source(shared_server.url, "versions", etag=seen):
            pass


async def test_an_object_that_is_replaced_is_read_as_it_was(shared_server: S3Server) -> None:
    store = opened(shared_server.url, "replaced")
    old = b"1" * 24 * 2**20
    await obstore.put_async(store, "replaced", old)
    try:
        async with source(shared_server.url, "replaced") as found:
            chunks = found.chunks()
            body = await anext(chunks)
            await obstore.put_async(store, "replaced", b"2" * 24 * 2**20)
            async for chunk in chunks:
                body += chunk
    except SourceChanged:
        return
    assert hashlib.sha256(body).digest() == hashlib.sha256(old).digest()


def part(request: Request, etag: str = '"one"') -> Reply:
    """Half of what is asked for, if the version is still the same."""
    start = int(request.headers.get("range", "bytes=0-")[6:-1])
    if "if-match" in request.headers and request.headers["if-match"] != etag:
        return Reply(412)
    rest = BODY[start:]
    head = {**HEAD, "content-length": str(len(rest)), "etag": etag}
    if start:
        head["content-range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
    half = rest[: len(rest) // 2 or 1]
    return Reply(206 if start else 200, head, half)


async def test_a_body_that_breaks_off_is_continued() -> None:
    def script(request: Request) -> Reply:
        reply = part(request)
        return (
            reply if len(server.requests) < 3 else Reply(reply.status, reply.headers, rest(request))
        )

    def rest(request: Request) -> bytes:
        return BODY[int(request.headers["range"][6:-1]) :]

    async with (
        scripted(script) as server,
        source(f"http://127.0.0.1:{server.port}", "key") as found,
    ):
        assert await read(found) == BODY
    assert [request.headers.get("if-match") for request in server.requests] == [
        None,
        '"one"',
        '"one"',
    ]


async def test_a_body_that_breaks_off_too_often() -> None:
    async with scripted(part) as server, source(f"http://127.0.0.1:{server.port}", "key") as found:
        with pytest.raises(Truncated, match=f"of {len(BODY)} bytes"):
            await read(found)
    assert len(server.requests) == 4


async def test_a_version_that_changes_while_it_is_read() -> None:
    def script(request: Request) -> Reply:
        return part(request, '"one"' if len(server.requests) == 1 else '"two"')

    async with (
        scripted(script) as server,
        source(f"http://127.0.0.1:{server.port}", "key") as found,
    ):
        with pytest.raises(SourceChanged):
            await read(found)


async def test_a_server_that_ignores_conditions() -> None:
    def script(request: Request) -> Reply:
        if len(server.requests) == 1:
            return part(request)
        unconditional = Request("GET", request.target, {"range": request.headers["range"]})
        return part(unconditional, '"two"')

    async with (
        scripted(script) as server,
        source(f"http://127.0.0.1:{server.port}", "key") as found,
    ):
        with pytest.raises(SourceChanged):
            await read(found)


async def test_without_a_tag_nothing_is_continued() -> None:
    def script(request: Request) -> Reply:
        reply = part(request)
        return Reply(200, {k: v for k, v in reply.headers.items() if k != "etag"}, reply.body)

    async with (
        scripted(script) as server,
        source(f"http://127.0.0.1:{server.port}", "key") as found,
    ):
        with pytest.raises(Truncated):
            await read(found)
    assert len(server.requests) == 1


async def test_credentials_that_are_revoked_half_way() -> None:
    def script(request: Request) -> Reply:
        return part(request) if len(server.requests) == 1 else Reply(403, {"content-length": "0"})

    async with (
        scripted(script) as server,
        source(f"http://127.0.0.1:{server.port}", "key") as found,
    ):
        with pytest.raises(AccessDenied):
            await read(found)


async def test_s10_a_source_that_is_too_slow() -> None:
    patience = Patience(least=64 * 1024, seconds=0.5, pause=0.01)

    async with scripted(lambda _: Reply(200, HEAD, BODY, pieces=3000, pause=0.05)) as server:
        url = f"http://127.0.0.1:{server.port}"
        async with source(url, "key", patience=patience) as found:
            with pytest.raises(TooSlow, match="use a faster source"):
                await read(found)
    assert len(server.requests) == 1


async def test_the_time_of_the_reader_is_not_the_sources(shared_server: S3Server) -> None:
    await obstore.put_async(opened(shared_server.url, "slow"), "slow", BODY)
    patience = Patience(seconds=0.4)
    async with source(shared_server.url, "slow", patience=patience) as found:
        async for chunk in found.chunks():
            assert len(chunk) <= CHUNK
            await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"<Code>ExpiredToken</Code> hidden", UnknownCredentials),
        (400, b"<Code>AuthorizationHeaderMalformed</Code> hidden", InvalidReference),
        (400, b"hidden", InvalidReference),
        (401, b"hidden", AccessDenied),
        (403, b"hidden", AccessDenied),
        (404, b"hidden", SourceMissing),
        (412, b"hidden", SourceChanged),
        (429, b"hidden", Unavailable),
        (500, b"hidden", Unavailable),
        (503, b"hidden", Unavailable),
    ],
)
async def test_what_answers_mean(status: int, body: bytes, kind: type[ObjectError]) -> None:
    head = {"content-length": str(len(body))}
    async with scripted(lambda _: Reply(status, head, body)) as server:
        with pytest.raises(kind) as caught:
            async with source(f"http://127.0.0.1:{server.port}", "key"):
                pass
    assert type(caught.value) is kind
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__
