"""A receiver's public port on a real socket; behind it an API server that only counts visitors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.handler import CallbackHandler
from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.jwks.store import JwksStore
from gemini_operator.receiver.record import DeliveryRecorder, StatusProbe
from gemini_operator.receiver.server import PublicServer
from gemini_operator.receiver.settings import Limits
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.verification import Verifier
from gemini_operator.receiver.webhooks.dynamic import DynamicWebhooks
from gemini_operator.receiver.webhooks.secrets import SecretDirectory, StaticName
from gemini_operator.receiver.webhooks.static import StaticRecorder, StaticWebhooks
from tests.callback_keys import KEY
from tests.deliveries import SecretSigner, Signer, encoded, envelope, jwks

TARGET = Target(
    "geminibatchjobs",
    "default",
    "classify-reviews",
    "6f1c2b7e-0d7c-4b61-9a7e-2f6a4c1d9b30",
    "00112233445566ff",
)
SIGNER = Signer()
STATIC = StaticName("default", "reviews")
SECRET = SecretSigner()
BODY = encoded(envelope())
QUICK = Limits(body_seconds=0.3, idle_seconds=0.3, linger_seconds=0.3, drain_seconds=5.0)
DEADLINE = 10.0


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Edge:
    """The port, the address of one job on it, and who was asked behind it."""

    server: PublicServer
    path: str
    token: str
    writes: int = 0
    """Connections to the API server. It closes them, so a delivery that gets there ends in 503."""
    fetches: int = 0
    """Fetches of Google's keys."""
    now: float = 1_764_000_000.0
    """The time of day, and the clock of the key store."""
    published: KeySet | Exception = field(default_factory=lambda: parse(jwks(SIGNER)))
    """Google's keys, or why they can't be had."""
    api_hangs: bool = False
    fetch_hangs: bool = False

    def head(self, *lines: str, method: str = "POST", path: str | None = None) -> bytes:
        start = f"{method} {path or self.path} HTTP/1.1"
        return "\r\n".join([start, "Host: receiver", *lines, "", ""]).encode()

    def signed(self, body: bytes = BODY, timestamp: int | None = None) -> list[str]:
        """The header lines of a good delivery, but for its length."""
        at = int(self.now) if timestamp is None else timestamp
        return [f"{name}: {value}" for name, value in SIGNER.headers(body, timestamp=at).items()]

    def delivery(self, *lines: str, body: bytes = BODY, path: str | None = None) -> bytes:
        length = f"Content-Length: {len(body)}"
        return self.head(*self.signed(body), length, *lines, path=path) + body

    async def send(self, *pieces: bytes) -> Reply:
        """The answer to these bytes, which may be no request at all."""
        (reply,) = await self.exchange(*pieces, replies=1)
        return reply

    async def send_last(self, request: bytes) -> Reply:
        """As `send`, and the connection ends with the answer."""
        async with self.connection() as (reader, writer):
            writer.write(request)
            reply = await read_reply(reader)
            assert await reader.read() == b""
        return reply

    async def exchange(self, *pieces: bytes, replies: int) -> list[Reply]:
        async with self.connection() as (reader, writer):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            bodiless = pieces[0].startswith(b"HEAD ")
            return [await read_reply(reader, bodiless=bodiless) for _ in range(replies)]

    @asynccontextmanager
    async def awaiting_body(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A delivery that is certain to be in hand: the receiver has asked for its body, `BODY`."""
        lines = [*self.signed(), f"Content-Length: {len(BODY)}", "Expect: 100-continue"]
        async with self.connection() as (reader, writer):
            writer.write(self.head(*lines))
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            yield reader, writer

    @asynccontextmanager
    async def connection(
        self,
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        async with asyncio.timeout(DEADLINE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            try:
                yield reader, writer
            finally:
                writer.close()


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    start, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (n.partition(":") for n in lines)}
    length = 0 if bodiless else int(headers.get("content-length", "0"))
    body = await reader.readexactly(length)
    return Reply(int(start.split()[1]), headers, body)


@pytest.fixture
def limits() -> Limits:
    """Tests that wait for a deadline ask for `QUICK` ones by overriding this fixture."""
    return Limits()


@pytest.fixture
def tokens() -> TokenPolicy:
    """What RS256 tokens have to fulfil."""
    return TokenPolicy()


@pytest.fixture
def keys(tmp_path: Path) -> KeyDirectory:
    path = tmp_path / "callback-keys"
    path.mkdir()
    (path / "key").write_text(KEY)
    return KeyDirectory(path, "key")


@pytest.fixture
def secrets(tmp_path: Path) -> SecretDirectory:
    path = tmp_path / "static"
    (path / STATIC.namespace / STATIC.name).mkdir(parents=True)
    (path / STATIC.namespace / STATIC.name / "first").write_text(SECRET.text)
    return SecretDirectory(path)


@pytest.fixture
async def edge(
    keys: KeyDirectory, secrets: SecretDirectory, limits: Limits, tokens: TokenPolicy
) -> AsyncIterator[Edge]:
    path = address.url("", keys.signing(), TARGET)
    token = path.rpartition("/")[2]

    async def visitor(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.writes += 1
        if found.api_hangs:
            await finished.wait()
        writer.close()

    async def fetch() -> KeySet:
        found.fetches += 1
        if found.fetch_hangs:
            await finished.wait()
        if isinstance(found.published, Exception):
            raise found.published
        return found.published

    async def headers() -> dict[str, str]:
        return {}

    finished = asyncio.Event()
    api = await asyncio.start_server(visitor, "127.0.0.1", 0)
    api_port = api.sockets[0].getsockname()[1]
    client = KubeClient(
        ClusterConnection(f"http://127.0.0.1:{api_port}", False, "default", headers)
    )
    jobs = BatchJobs(client)
    recorder = DeliveryRecorder(jobs, StatusProbe(client))
    verifier = Verifier(JwksStore(fetch, clock=lambda: found.now))
    handler = CallbackHandler(
        [
            DynamicWebhooks(keys, verifier, recorder, WriteBudget(), tokens),
            StaticWebhooks(secrets, StaticRecorder(jobs, recorder)),
        ],
        limits=limits,
        now=lambda: found.now,
    )
    server = PublicServer(handler, host="127.0.0.1", port=0, limits=limits)
    found = Edge(server, path, token)
    await server.start()
    yield found
    finished.set()
    await server.close()
    await client.close()
    api.close()
