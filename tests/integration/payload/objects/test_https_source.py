import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import httpcore2
import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr

from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.ambient import AmbientIdentity
from gemini_operator.payload.objects.credentials import HttpsCredentials
from gemini_operator.payload.objects.errors import (
    ANOTHER_URI,
    AccessDenied,
    InvalidReference,
    InvalidUri,
    NotAllowed,
    ObjectError,
    SourceChanged,
    SourceMissing,
    Truncated,
    Unavailable,
)
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import HttpsLocation, parse
from gemini_operator.payload.objects.settings import ObjectStoreSettings
from gemini_operator.payload.objects.source import Patience, Source, open_source
from gemini_operator.payload.objects.stores import Stores
from node.credentials import Authority
from tests.object_servers import Reply, Request, Script, Server, scripted
from tests.waiting import eventually_async

HOST = "files.example.com"
BODY = bytes(range(256)) * 12 * 1024
HEAD = {"content-length": str(len(BODY)), "etag": '"one"'}
LOOPBACK = AddressPolicy(allow=(ip_network("127.0.0.0/8"),))

Answers = Sequence[Sequence[str]]


class Names:
    """A DNS server that may answer something else the next time."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class World:
    """A TLS server on some port, to which connections to port 443 of any address go."""

    def __init__(self, server: Server, trusted: ssl.SSLContext) -> None:
        self.server = server
        self.trusted = trusted
        self.connected: list[str] = []
        self.answers_at = ""

    @property
    def requests(self) -> list[Request]:
        return self.server.requests

    async def connect(self, address: str, seconds: float | None) -> httpcore2.AsyncNetworkStream:
        self.connected.append(address)
        backend = httpcore2.AnyIOBackend()
        return await backend.connect_tcp(
            self.answers_at or address, self.server.port, timeout=seconds
        )

    def client(self, names: Names | None = None, policy: AddressPolicy = LOOPBACK) -> HttpsClient:
        resolve = names or Names(["127.0.0.1"])
        return HttpsClient(policy, ssl_context=self.trusted, resolve=resolve, connect=self.connect)

    def open(
        self,
        uri: str = f"https://{HOST}/a/b.jsonl?sig=hidden",
        *,
        names: Names | None = None,
        policy: AddressPolicy = LOOPBACK,
        credentials: HttpsCredentials | None = None,
    ) -> AbstractAsyncContextManager[Source]:
        client = self.client(names, policy)
        return open_source(
            parse(uri),
            "team-a",
            credentials,
            stores=Stores(ObjectStoreSettings(), AmbientIdentity()),
            https=client,
            patience=Patience(seconds=5, pause=0.01),
        )


Start = Callable[[Script], AbstractAsyncContextManager[World]]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    directory: Path = tmp_path_factory.mktemp("tls")
    authority = Authority()
    certificate, key = authority.issue("server", "", [HOST])
    chain, pem = directory / "chain.pem", serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    chain.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, form, plain))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    ca = authority.certificate.public_bytes(pem).decode()
    return server, ssl.create_default_context(cadata=ca)


@pytest.fixture
def start(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Start:
    @asynccontextmanager
    async def world(script: Script) -> AsyncIterator[World]:
        async with scripted(script, tls=tls[0]) as server:
            yield World(server, tls[1])

    return world


def whole(request: Request) -> Reply:
    assert request.headers["host"] == HOST
    return Reply(200, HEAD, BODY)


async def read(found: Source) -> bytes:
    return b"".join([chunk async for chunk in found.chunks()])


async def test_an_object_is_read(start: Start) -> None:
    async with start(whole) as world, world.open() as found:
        assert (found.size, found.etag) == (len(BODY), '"one"')
        assert await read(found) == BODY
    (request,) = world.requests
    assert (request.method, request.target) == ("GET", "/a/b.jsonl?sig=hidden")
    assert request.headers["accept-encoding"] == "identity"
    assert not {"authorization", "cookie"} & set(request.headers)


async def test_a_chunked_body_has_no_size(start: Start) -> None:
    body = b"5\r\nhello\r\n0\r\n\r\n"
    async with (
        start(lambda _: Reply(200, {"transfer-encoding": "chunked"}, body)) as world,
        world.open() as found,
    ):
        assert found.size is None
        assert await read(found) == b"hello"


async def test_s10_chunks_of_a_byte_leave_other_jobs_their_turn(start: Start) -> None:
    body = b"1\r\nx\r\n" * 5000 + b"0\r\n\r\n"
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(0)
            await asyncio.sleep(0)

    async with start(lambda _: Reply(200, {"transfer-encoding": "chunked"}, body)) as world:
        reader = world.client().reader(HttpsLocation(HOST, "/a"), None)
        opened = await reader.open()
        task = asyncio.create_task(others())
        async for _ in opened.pieces:
            turns[-1:] = [turns[-1] + 1] if turns else []
        task.cancel()
        await opened.close()
    assert sum(turns) > 4900
    assert max(turns) < 10


async def test_an_empty_object(start: Start) -> None:
    async with start(lambda _: Reply(200, {"content-length": "0"})) as world, world.open() as found:
        assert await read(found) == b""


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        (HttpsCredentials(frozenset({HOST}), "s", token=SecretStr("tok")), "Bearer tok"),
        (
            HttpsCredentials(
                frozenset({HOST}), "s", username=SecretStr("me"), password=SecretStr("p:w")
            ),
            f"Basic {base64.b64encode(b'me:p:w').decode()}",
        ),
    ],
)
async def test_credentials_are_sent_to_their_host(
    start: Start, credentials: HttpsCredentials, header: str
) -> None:
    async with start(whole) as world, world.open(credentials=credentials) as found:
        await read(found)
    assert world.requests[0].headers["authorization"] == header


async def test_s05_credentials_are_sent_to_no_other_host(start: Start) -> None:
    credentials = HttpsCredentials(frozenset({"other.example.com"}), "s", token=SecretStr("tok"))
    async with start(whole) as world:
        with pytest.raises(NotAllowed, match="not for the host"):
            async with world.open(credentials=credentials):
                pass
    assert world.connected == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["127.0.0.1", "10.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%lo"],
    ],
)
async def test_s09_every_address_of_a_host_is_checked(start: Start, addresses: list[str]) -> None:
    async with start(whole) as world:
        with pytest.raises(NotAllowed, match="not public"):
            async with world.open(names=Names(addresses)):
                pass
    assert world.connected == []


async def test_s09_loopback_is_refused_without_a_tests_policy(start: Start) -> None:
    async with start(whole) as world:
        with pytest.raises(NotAllowed):
            async with world.open(policy=AddressPolicy()):
                pass
    assert world.connected == []


@pytest.mark.parametrize("host", ["10.0.0.1", "169.254.169.254", "127.0.0.1", "168.63.129.16"])
async def test_s09_addresses_in_a_url_are_checked(start: Start, host: str) -> None:
    names = Names(["8.8.8.8"])
    async with start(whole) as world:
        with pytest.raises((InvalidUri, NotAllowed)):
            async with world.open(f"https://{host}/a", names=names, policy=AddressPolicy()):
                pass
    assert (world.connected, names.asked) == ([], [])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "localhost"])
async def test_s09_other_spellings_of_addresses_are_checked(host: str) -> None:
    location = HttpsLocation(host, "/a")
    stores = Stores(ObjectStoreSettings(), AmbientIdentity())
    with pytest.raises((NotAllowed, Unavailable)):
        async with open_source(
            location, "team-a", None, stores=stores, https=HttpsClient(AddressPolicy())
        ):
            pass


def half(request: Request) -> Reply:
    begin = int(request.headers.get("range", "bytes=0-")[6:-1])
    rest = BODY[begin:]
    head = {**HEAD, "content-length": str(len(rest))}
    if begin:
        head["content-range"] = f"bytes {begin}-{len(BODY) - 1}/{len(BODY)}"
        return Reply(206, head, rest)
    return Reply(200, head, rest[: len(rest) // 2])


async def test_a_body_that_breaks_off_is_continued(start: Start) -> None:
    async with start(half) as world, world.open() as found:
        assert await read(found) == BODY
    assert [request.headers.get("if-match") for request in world.requests] == [None, '"one"']


async def test_s09_a_name_that_is_resolved_anew_is_checked_anew(start: Start) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with start(half) as world, world.open(names=names) as found:
        with pytest.raises(NotAllowed):
            await read(found)
    assert (world.connected, len(names.asked)) == (["127.0.0.1"], 2)


async def test_s09_the_peer_is_the_address_that_was_checked(start: Start) -> None:
    async with start(whole) as world:
        world.answers_at = "127.0.0.1"
        with pytest.raises(NotAllowed, match="another address"):
            async with world.open(names=Names(["127.0.0.2"])):
                pass
    assert world.requests == []


async def test_another_address_is_tried(start: Start) -> None:
    async with start(whole) as world, world.open(names=Names(["127.0.0.9", "127.0.0.1"])) as found:
        assert await read(found) == BODY
    assert world.connected == ["127.0.0.9", "127.0.0.1"]


async def test_a_certificate_of_another_host(start: Start) -> None:
    async with start(whole) as world:
        with pytest.raises(Unavailable, match=r"certificate .* is for another host"):
            async with world.open("https://other.example.com/a"):
                pass
    assert world.requests == []


async def test_a_certificate_that_nobody_trusts(start: Start) -> None:
    async with start(whole) as world:
        world.trusted = ssl.create_default_context()
        with pytest.raises(Unavailable, match="an authority that the operator does not know"):
            async with world.open():
                pass


async def test_a_host_that_refuses_connections(start: Start) -> None:
    async with start(whole) as world:
        world.answers_at = "127.0.0.9"
        with pytest.raises(Unavailable, match=f"https://{HOST}/a/b.jsonl .*refuses connections"):
            async with world.open():
                pass


@pytest.mark.parametrize("port", ["open", "closed"])
async def test_s09_a_private_host_looks_the_same_whether_it_answers(
    start: Start, port: str
) -> None:
    async with start(whole) as world:
        world.answers_at = "127.0.0.1" if port == "open" else "127.0.0.9"
        with pytest.raises(NotAllowed) as caught:
            async with world.open(policy=AddressPolicy()):
                pass
    assert str(caught.value) == (
        f"the host {HOST} has an address that is not public, and the operator does not connect to "
        f"such: {ANOTHER_URI}, or ask an administrator for --https-input-allow"
    )
    assert world.connected == []


async def test_s21_proxies_of_the_environment_are_not_used(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with start(whole) as world, world.open() as found:
        assert await read(found) == BODY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_s09_redirects_are_refused(start: Start, status: int) -> None:
    head = {"location": "https://files.example.com/elsewhere?sig=hidden", "content-length": "0"}
    async with start(lambda _: Reply(status, head)) as world:
        with pytest.raises(NotAllowed, match="use the final address") as caught:
            async with world.open():
                pass
    assert len(world.requests) == 1
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (404, SourceMissing),
        (410, SourceMissing),
        (400, InvalidReference),
        (412, SourceChanged),
        (206, Unavailable),
        (204, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_what_answers_mean(start: Start, status: int, kind: type[ObjectError]) -> None:
    async with start(lambda _: Reply(status, {"content-length": "6"}, b"hidden")) as world:
        with pytest.raises(kind) as caught:
            async with world.open():
                pass
    assert type(caught.value) is kind
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["", "Identity"])
async def test_an_answer_that_says_that_it_is_not_compressed(start: Start, encoding: str) -> None:
    head = {**HEAD, "content-encoding": encoding}
    async with start(lambda _: Reply(200, head, BODY)) as world, world.open() as found:
        assert await read(found) == BODY


async def test_a_compressed_answer(start: Start) -> None:
    async with start(lambda _: Reply(200, {**HEAD, "content-encoding": "gzip"}, BODY)) as world:
        with pytest.raises(InvalidReference, match="compressed"):
            async with world.open():
                pass


@pytest.mark.parametrize(
    "headers", [{"content-length": "9"}, {"content-length": "9", "etag": 'W/"a"'}]
)
async def test_a_body_that_is_shorter_than_announced(start: Start, headers: dict[str, str]) -> None:
    async with start(lambda _: Reply(200, headers, b"hello")) as world, world.open() as found:
        with pytest.raises(Truncated, match="5 of 9 bytes"):
            await read(found)
    assert len(world.requests) == 1


async def test_a_chunked_body_that_breaks_off(start: Start) -> None:
    head = {"transfer-encoding": "chunked"}
    async with start(lambda _: Reply(200, head, b"5\r\nhello\r\n")) as world, world.open() as found:
        with pytest.raises(Truncated, match="after 5"):
            await read(found)


async def test_a_body_whose_end_nobody_can_tell(start: Start) -> None:
    # It broke off between two lines, and looks like a whole file of one.
    async with start(lambda _: Reply(200, {"etag": '"one"'}, b"first\n")) as world:
        with pytest.raises(InvalidReference, match="Content-Length"):
            async with world.open() as found:
                await read(found)


async def test_a_part_that_was_not_asked_for(start: Start) -> None:
    def script(request: Request) -> Reply:
        reply = half(request)
        if reply.status == 200:
            return reply
        return Reply(206, {**reply.headers, "content-range": f"bytes 1-2/{len(BODY)}"}, reply.body)

    async with start(script) as world, world.open() as found:
        with pytest.raises(SourceChanged):
            await read(found)


async def test_a_server_that_cannot_continue(start: Start) -> None:
    async with start(lambda _: Reply(200, HEAD, BODY[:1000])) as world, world.open() as found:
        with pytest.raises(Truncated):
            await read(found)


async def test_a_server_that_does_not_speak_http(start: Start) -> None:
    async with start(lambda _: Reply(99, HEAD, BODY)) as world:
        with pytest.raises((Truncated, Unavailable)):
            async with world.open():
                pass


async def test_a_host_without_an_address(start: Start) -> None:
    async with start(whole) as world:
        with pytest.raises(Unavailable, match=f"there is no host {HOST} in DNS"):
            async with world.open(names=Names([])):
                pass


async def test_a_reader_that_is_cancelled_ends_the_connection(start: Start) -> None:
    async with start(lambda _: Reply(200, HEAD, BODY, pieces=100, pause=0.05)) as world:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3), world.open() as found:
                await read(found)
        await eventually_async(lambda: world.server.broken == 1)
