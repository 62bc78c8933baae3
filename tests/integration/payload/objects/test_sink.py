import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterable

import obstore
import pytest
from pydantic import SecretStr

from gemini_operator.payload.objects.credentials import S3Credentials
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    BucketMissing,
    SourceMissing,
    Unavailable,
    UnknownCredentials,
)
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.sink import PART, check, write
from tests.integration.payload.objects.conftest import opened, source
from tests.object_servers import ACCESS_KEY, BUCKET, Reply, Request, S3Server, scripted
from tests.waiting import eventually_async

MIB = 2**20
BAD = S3Credentials(SecretStr(ACCESS_KEY), SecretStr("wrong"))


def at(key: str) -> BucketLocation:
    return BucketLocation("s3", BUCKET, key)


async def each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def exists(server: S3Server, key: str) -> bool:
    try:
        await obstore.head_async(opened(server.url, key), key)
    except FileNotFoundError:
        return False
    return True


@pytest.mark.parametrize(
    ("key", "sizes"),
    [
        ("empty", []),
        ("empty-chunk", [0]),
        ("small", [1, 0, 2]),
        ("a-part", [PART]),
        ("a-part-and-one", [PART, 1]),
        ("team-a/job/twenty%2F.jsonl", [3 * MIB, 1, 17 * MIB]),
    ],
)
async def test_what_is_written_is_read(shared_server: S3Server, key: str, sizes: list[int]) -> None:
    chunks = [random.randbytes(size) for size in sizes]
    body = b"".join(chunks)
    written = await write(at(key), opened(shared_server.url, key), each(chunks))
    assert (written.bytes, written.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    async with source(shared_server.url, key) as found:
        assert found.size == len(body)
        pieces = [piece async for piece in found.chunks()]
    assert b"".join(pieces) == body
    assert all(len(piece) == MIB for piece in pieces[:-1])
    async with source(shared_server.url, key, etag=found.etag) as again:
        assert again.etag == found.etag


async def test_an_object_is_replaced_at_the_end(shared_server: S3Server) -> None:
    store = opened(shared_server.url, "replaced")
    await write(at("replaced"), store, each([b"old"]))
    await write(at("replaced"), store, each([b"new!"]))
    assert (await obstore.head_async(store, "replaced"))["size"] == 4


@pytest.mark.parametrize("size", [1, PART - 1, PART, 2 * PART - 1, 2 * PART, 20 * MIB])
async def test_a_failure_half_way_leaves_nothing(own_server: S3Server, size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise LookupError("the source")

    with pytest.raises(LookupError):
        await write(at("half"), opened(own_server.url, "half"), chunks())
    assert not await exists(own_server, "half")
    assert own_server.unfinished_uploads() == []


async def test_a_failure_half_way_leaves_the_old_object(own_server: S3Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(20 * MIB)
        raise LookupError("the source")

    store = opened(own_server.url, "kept")
    await write(at("kept"), store, each([b"old"]))
    with pytest.raises(LookupError):
        await write(at("kept"), store, chunks())
    assert (await obstore.head_async(store, "kept"))["size"] == 3


@pytest.mark.parametrize("delay", [0, 0.001, 0.01, 0.05, 0.1, None])
async def test_a_cancellation_half_way_leaves_nothing(
    own_server: S3Server, delay: float | None
) -> None:
    reached = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield bytes(4 * MIB)
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(write(at("half"), opened(own_server.url, "half"), chunks()))
    if delay is None:
        await reached.wait()
        assert own_server.unfinished_uploads()
    else:
        await asyncio.sleep(delay)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await exists(own_server, "half")
    assert own_server.unfinished_uploads() == []


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
async def test_wrong_credentials(shared_server: S3Server, size: int) -> None:
    store = opened(shared_server.url, "denied", BAD)
    with pytest.raises(AccessDenied, match="correct the Secret") as caught:
        await write(at("denied"), store, each([bytes(size)]))
    assert ACCESS_KEY not in str(caught.value)
    assert not await exists(shared_server, "denied")


def has_a_part(server: S3Server) -> bool:
    """Whether a part has arrived as a whole: what is cut off is tried again for a while."""
    files = (file for upload in server.unfinished_uploads() for file in upload.rglob("*"))
    return any(file.is_file() and file.stat().st_size >= 8 * MIB for file in files)


async def test_credentials_that_are_revoked_half_way(own_server: S3Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(9 * MIB)
        await eventually_async(lambda: has_a_part(own_server))
        await asyncio.to_thread(own_server.stop)
        await asyncio.to_thread(own_server.start, "another-secret")
        yield bytes(20 * MIB)

    with pytest.raises(AccessDenied):
        await write(at("revoked"), opened(own_server.url, "revoked"), chunks())
    own_server.stop()
    own_server.start()
    assert not await exists(own_server, "revoked")


async def test_an_object_that_may_be_written_and_not_looked_at_says_what_is_missing() -> None:
    def script(request: Request) -> Reply:
        may = request.method == "PUT"
        return Reply(200 if may else 403, {"etag": '"e"', "content-length": "0"})

    async with scripted(script) as server:
        store = opened(f"http://127.0.0.1:{server.port}", "blind")
        with pytest.raises(AccessDenied, match="was written, but its size cannot"):
            await write(at("blind"), store, each([b"x"]))


async def test_a_bucket_that_does_not_exist(shared_server: S3Server) -> None:
    location = BucketLocation("s3", "no-such-bucket", "key")
    store = opened(shared_server.url, "key", bucket="no-such-bucket")
    for size in (1, 9 * MIB):
        with pytest.raises(SourceMissing, match="create its bucket"):
            await write(location, store, each([bytes(size)]))


async def test_a_server_that_is_down(own_server: S3Server) -> None:
    own_server.stop()
    with pytest.raises(Unavailable, match="tried again"):
        await write(at("down"), opened(own_server.url, "down"), each([b"x"]))


async def test_an_output_is_checked_before_it_is_needed(own_server: S3Server) -> None:
    store = opened(own_server.url, "checked")
    await check(at("checked"), store)
    assert not await exists(own_server, "checked")
    elsewhere = BucketLocation("s3", "no-such-bucket", "checked")
    with pytest.raises(BucketMissing):
        await check(elsewhere, opened(own_server.url, "checked", bucket="no-such-bucket"))
    with pytest.raises(UnknownCredentials):
        await check(at("checked"), opened(own_server.url, "checked", BAD))
    own_server.stop()
    with pytest.raises(Unavailable, match="cannot be reached"):
        await check(at("checked"), store)
