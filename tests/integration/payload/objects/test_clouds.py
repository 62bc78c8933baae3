"""Google Cloud Storage and Azure Blob Storage, read and written through `Stores`."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import obstore
import pytest
from pydantic import SecretStr

from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import (
    AzureCredentials,
    BucketCredentials,
    GcsCredentials,
    from_secret,
)
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    ObjectError,
    SourceChanged,
    SourceMissing,
    Unavailable,
)
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.settings import Endpoint, ObjectStoreSettings
from gemini_operator.payload.objects.sink import PART, write
from gemini_operator.payload.objects.source import Source, open_source
from gemini_operator.payload.objects.stores import Store, Stores
from tests import xml_api
from tests.integration.payload.objects.conftest import QUICK
from tests.object_servers import (
    ACCOUNT,
    ACCOUNT_KEY,
    BUCKET,
    CONTAINER,
    AzureServer,
    GcsServer,
    service_account,
)

# The first run builds fake-gcs-server.
pytestmark = pytest.mark.timeout(600)

MIB = 2**20
EMAIL = "writer@project.iam.gserviceaccount.com"


@dataclass(frozen=True)
class Bucket:
    """A bucket at a server."""

    scheme: str
    name: str
    url: str
    credentials: BucketCredentials
    unfinished: Callable[[str], int] = lambda _: 0
    """How many hidden parts or uploads there are for a key."""

    def at(self, key: str) -> BucketLocation:
        return BucketLocation(self.scheme, self.name, key)

    def stores(self) -> Stores:
        settings = ObjectStoreSettings(
            endpoints=(Endpoint(self.scheme, self.url),), allow_insecure=True
        )
        return Stores(settings, AmbientIdentity(), retries=0)

    def store(self, key: str) -> Store:
        return self.stores().open(self.at(key), "team-a", self.credentials)

    def source(self, key: str, etag: str | None = None) -> AbstractAsyncContextManager[Source]:
        return open_source(
            self.at(key),
            "team-a",
            self.credentials,
            stores=self.stores(),
            https=HttpsClient(AddressPolicy()),
            etag=etag,
            patience=QUICK,
        )

    async def put(self, key: str, *chunks: bytes) -> str:
        """Write an object; returns its SHA-256."""
        return (await write(self.at(key), self.store(key), each(chunks))).sha256

    async def size(self, key: str) -> int | None:
        """`None` if there is no such object."""
        try:
            return (await obstore.head_async(self.store(key), key))["size"]
        except FileNotFoundError:
            return None


async def each(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(found: Source) -> bytes:
    return b"".join([chunk async for chunk in found.chunks()])


def account() -> GcsCredentials:
    secret = {"service_account.json": SecretStr(service_account(EMAIL))}
    found = from_secret("storage", secret, "gs")
    assert isinstance(found, GcsCredentials)
    return found


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    with AzureServer(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def fake_gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsServer]:
    with GcsServer(tmp_path_factory.mktemp("gcs")) as server:
        yield server


def azure_bucket(server: AzureServer) -> Bucket:
    credentials = AzureCredentials(ACCOUNT, SecretStr(ACCOUNT_KEY))
    return Bucket("az", CONTAINER, server.url, credentials, server.uncommitted)


@pytest.fixture
async def api() -> AsyncIterator[xml_api.XmlApi]:
    async with xml_api.serving(BUCKET) as served:
        yield served


@pytest.fixture(params=["az", "gs"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """To write to: Azurite, or the stand-in for the XML API of Google Cloud Storage."""
    if request.param == "az":
        return azure_bucket(request.getfixturevalue("azurite"))
    api: xml_api.XmlApi = request.getfixturevalue("api")
    return Bucket("gs", BUCKET, api.url, account(), lambda _: len(api.uploads))


@pytest.mark.parametrize(
    ("key", "sizes"),
    [
        ("empty", []),
        ("small", [1, 0, 2]),
        ("a-part", [PART]),
        ("a-part-and-one", [PART, 1]),
        ("team-a/job/twenty%2F.jsonl", [3 * MIB, 1, 17 * MIB]),
    ],
)
async def test_what_is_written_is_read(bucket: Bucket, key: str, sizes: list[int]) -> None:
    body = random.randbytes(sum(sizes))
    cuts = [sum(sizes[:index]) for index in range(len(sizes))]
    chunks = [body[cut : cut + size] for cut, size in zip(cuts, sizes, strict=True)]
    assert await bucket.put(key, *chunks) == hashlib.sha256(body).hexdigest()
    async with bucket.source(key) as found:
        assert found.size == len(body)
        assert await read(found) == body
    async with bucket.source(key, etag=found.etag) as again:
        assert again.etag == found.etag
    assert bucket.unfinished(key) == 0


async def test_another_version_than_the_one_seen_before(bucket: Bucket) -> None:
    await bucket.put("versions", b"one")
    async with bucket.source("versions") as found:
        seen = found.etag
    assert seen
    await bucket.put("versions", b"two")
    with pytest.raises(SourceChanged):
        async with bucket.source("versions", etag=seen):
            pass


@pytest.mark.parametrize("size", [1, PART, 20 * MIB])
async def test_a_failure_half_way_leaves_the_old_object(bucket: Bucket, size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(size)
        raise LookupError("the source")

    await bucket.put("kept", b"old")
    with pytest.raises(LookupError):
        await write(bucket.at("kept"), bucket.store("kept"), chunks())
    assert await bucket.size("kept") == 3


@pytest.mark.parametrize("delay", [0, 0.01, 0.05, None])
async def test_a_cancellation_half_way_leaves_no_object(
    bucket: Bucket, delay: float | None
) -> None:
    key = f"half-{delay}"
    reached = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield bytes(4 * MIB)
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(write(bucket.at(key), bucket.store(key), chunks()))
    if delay is None:
        await reached.wait()
        assert await asyncio.to_thread(bucket.unfinished, key)
    else:
        await asyncio.sleep(delay)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bucket.size(key) is None
    # Azure has no request to delete blocks: it does so after a week.
    if bucket.scheme == "gs":
        assert bucket.unfinished(key) == 0


async def test_what_an_interrupted_write_left_is_no_part_of_the_next(bucket: Bucket) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"1" * 20 * MIB
        raise LookupError("the source")

    with pytest.raises(LookupError):
        await write(bucket.at("again"), bucket.store("again"), chunks())
    await bucket.put("again", b"2" * 20 * MIB)
    async with bucket.source("again") as found:
        assert set(await read(found)) == {ord("2")}
    assert await asyncio.to_thread(bucket.unfinished, "again") == 0


@pytest.mark.parametrize("size", [1, 9 * MIB])
async def test_a_bucket_that_does_not_exist(bucket: Bucket, size: int) -> None:
    other = replace(bucket, name="nosuchbucket")
    with pytest.raises(SourceMissing, match="create its bucket"):
        await other.put("key", bytes(size))
    with pytest.raises(SourceMissing, match="create it"):
        async with other.source("key"):
            pass


async def test_an_object_that_does_not_exist(bucket: Bucket) -> None:
    with pytest.raises(SourceMissing, match="create it"):
        async with bucket.source("missing"):
            pass


@pytest.mark.parametrize("size", [0, 20 * MIB])
async def test_a_wrong_key_of_an_azure_account(azurite: AzureServer, size: int) -> None:
    wrong = AzureCredentials(ACCOUNT, SecretStr("d3Jvbmcta2V5"))
    bucket = replace(azure_bucket(azurite), credentials=wrong)
    with pytest.raises(AccessDenied, match="correct the Secret") as caught:
        await bucket.put("denied", bytes(size))
    assert "d3Jvbmcta2V5" not in str(caught.value)
    assert await azure_bucket(azurite).size("denied") is None


async def test_s01_a_service_account_signs_its_own_tokens(api: xml_api.XmlApi) -> None:
    """Nothing is asked for a token, so there is no address that a key could be sent to."""
    bucket = Bucket("gs", BUCKET, api.url, account())
    await bucket.put("key", b"hello")
    assert api.issuers == {EMAIL}


# Of real servers, and what happens to a connection on the way.


@pytest.fixture(params=["az", "gs"])
def readable(request: pytest.FixtureRequest) -> tuple[Bucket, Callable[[str, bytes], object]]:
    """To read from: Azurite or fake-gcs-server, and what puts an object there."""
    if request.param == "az":
        server: AzureServer = request.getfixturevalue("azurite")
        return azure_bucket(server), server.put
    fake: GcsServer = request.getfixturevalue("fake_gcs")
    return Bucket("gs", BUCKET, fake.url, account()), fake.put


@pytest.mark.parametrize("size", [0, 1, 20 * MIB])
async def test_an_object_that_others_wrote(
    readable: tuple[Bucket, Callable[[str, bytes], object]], size: int
) -> None:
    bucket, put = readable
    body = random.randbytes(size)
    await asyncio.to_thread(put, "team-a/others%2F.jsonl", body)
    async with bucket.source("team-a/others%2F.jsonl") as found:
        assert found.size == size
        assert await read(found) == body


async def test_a_missing_object_and_a_missing_bucket(
    readable: tuple[Bucket, Callable[[str, bytes], object]],
) -> None:
    bucket, _ = readable
    for each_bucket in (bucket, replace(bucket, name="nosuchbucket")):
        with pytest.raises(SourceMissing):
            async with each_bucket.source("nothing"):
                pass


async def test_a_broken_connection_is_continued(
    readable: tuple[Bucket, Callable[[str, bytes], object]],
) -> None:
    bucket, put = readable
    body = random.randbytes(20 * MIB)
    await asyncio.to_thread(put, "broken", body)
    async with (
        cutting(bucket.url, 5 * MIB, lambda: None) as url,
        replace(bucket, url=url).source("broken") as found,
    ):
        assert await read(found) == body


async def test_an_object_that_is_replaced_before_it_is_continued(
    readable: tuple[Bucket, Callable[[str, bytes], object]],
) -> None:
    """fake-gcs-server ignores If-Match: then the ETag of its answer tells."""
    bucket, put = readable
    await asyncio.to_thread(put, "replaced", b"1" * 20 * MIB)
    async with (
        cutting(bucket.url, 5 * MIB, lambda: put("replaced", b"2" * 20 * MIB)) as url,
        replace(bucket, url=url).source("replaced") as found,
    ):
        with pytest.raises(SourceChanged):
            await read(found)


async def test_an_object_that_is_replaced_while_it_is_read(
    readable: tuple[Bucket, Callable[[str, bytes], object]],
) -> None:
    bucket, put = readable
    await asyncio.to_thread(put, "swapped", b"1" * 24 * MIB)
    async with bucket.source("swapped") as found:
        chunks = found.chunks()
        seen = {*await anext(chunks)}
        await asyncio.to_thread(put, "swapped", b"2" * 24 * MIB)
        try:
            async for chunk in chunks:
                seen.update(chunk)
        except SourceChanged:
            pass
    assert seen == {ord("1")}


async def test_a_server_that_is_down() -> None:
    nowhere = "http://127.0.0.1:9"
    azure = Bucket(
        "az", CONTAINER, f"{nowhere}/{ACCOUNT}", AzureCredentials(ACCOUNT, SecretStr(ACCOUNT_KEY))
    )
    for bucket in (azure, Bucket("gs", BUCKET, nowhere, account())):
        with pytest.raises(Unavailable, match="tried again"):
            await bucket.put("down", b"x")
        with pytest.raises(ObjectError):
            async with bucket.source("down"):
                pass


@asynccontextmanager
async def cutting(url: str, after: int, then: Callable[[], object]) -> AsyncIterator[str]:
    """The address of a way to the server that breaks the first connection after so many bytes.

    Args:
        url: of the server.
        after: bytes of its answer that pass.
        then: is called before the connection breaks.
    """
    parts = urlsplit(url)
    broken = False

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal broken
        there, to = await asyncio.open_connection(parts.hostname, parts.port)
        asking = asyncio.create_task(_copy(reader, to))
        passed = 0
        try:
            while data := await there.read(65536):
                writer.write(data)
                await writer.drain()
                passed += len(data)
                if passed > after and not broken:
                    broken = True
                    await asyncio.to_thread(then)
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            asking.cancel()
            writer.close()
            to.close()

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{parts.path}"
    assert broken


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
