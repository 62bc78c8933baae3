"""Inputs that are copied to the emulator's File API, and checked on the way."""

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from gemini_operator.gemini import errors, uploads
from gemini_operator.gemini.clients import GeminiClient, GeminiClients
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.uploads import NewFile
from gemini_operator.payload import upload
from gemini_operator.payload.input_check import InputCheck
from gemini_operator.payload.requests import InvalidInput
from gemini_operator.payload.upload import NotOurs
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.integration.gemini.peer import Peer, says, serving

FILE = NewFile("files/0f9a1b2c-1", "team-a/nightly [0f9a1b2c]")
CHUNKS = "files.uploadChunk"
MIB = 2**20


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorProcess]:
    with EmulatorProcess(tmp_path_factory.mktemp("emulator") / "state") as process:
        yield process


@pytest.fixture
async def client(emulator: EmulatorProcess) -> AsyncIterator[GeminiClient]:
    emulator.reset()
    async with using(emulator.url) as one:
        yield one


@asynccontextmanager
async def using(url: str) -> AsyncIterator[GeminiClient]:
    clients = GeminiClients(GeminiSettings(base_url=url, allow_insecure=True))
    try:
        yield clients.for_key(SecretStr(API_KEY))
    finally:
        await clients.aclose()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    async def sleep(_: float) -> None:
        return None

    monkeypatch.setattr(uploads, "CHUNK", 4096)
    monkeypatch.setattr(uploads.start, "__defaults__", (sleep,))


def lines(count: int, text: str = "Say") -> bytes:
    return b"".join(
        json.dumps(
            {"key": f"k{n}", "request": {"contents": [{"parts": [{"text": f"{text} {n}."}]}]}}
        ).encode()
        + b"\n"
        for n in range(count)
    )


class Input:
    """A source that is read in pieces of a thousand bytes; `breaks` after so many of them."""

    def __init__(
        self, content: bytes, breaks: int | None = None, *, size: int | None = None
    ) -> None:
        self.content, self.breaks = content, breaks
        self.size = size
        self.opened = self.closed = self.read = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Input"]:
        self.opened += 1
        try:
            yield self
        finally:
            self.closed += 1

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for number, start in enumerate(range(0, len(self.content), 1000)):
            if number == self.breaks:
                raise OSError("the source is gone")
            self.read += 1
            yield self.content[start : start + 1000]


Copy = Callable[..., Any]


async def copied(
    client: GeminiClient, source: Input, uri: str = "s3://bucket/in.jsonl"
) -> tuple[Any, Any, list[int]]:
    sent: list[int] = []
    checked, info = await upload.upload(
        client.files, FILE, source.open, lambda: InputCheck(uri, "GenerateContent"), sent.append
    )
    assert source.opened == source.closed
    return checked, info, sent


@pytest.mark.parametrize("uri", ["s3://bucket/in.jsonl", "s3://bucket/in.jsonl.gz"])
async def test_an_input_becomes_a_file(
    uri: str, client: GeminiClient, emulator: EmulatorProcess
) -> None:
    text = lines(300)
    source = Input(gzip.compress(text) if uri.endswith("gz") else text)
    checked, info, sent = await copied(client, source, uri)
    digest = hashlib.sha256(text).hexdigest()
    assert (checked.records, checked.bytes, checked.sha256) == (300, len(text), digest)
    assert (info.name, info.size, info.sha256) == (FILE.name, len(text), digest)
    # What was reported never went back, and ended with the whole.
    assert sent == sorted(sent)
    assert sent[-1] == len(text)
    assert emulator.requests(CHUNKS) == -(-len(text) // 4096)


async def test_what_is_between_the_lines_is_put_right(client: GeminiClient) -> None:
    given = b"\xef\xbb\xbf" + lines(2).replace(b"\n", b"\r\n\r\n").rstrip()
    checked, info, _ = await copied(client, Input(given))
    assert info.sha256 == hashlib.sha256(lines(2)).hexdigest()
    assert checked.records == 2


async def test_p10_a_file_of_an_interrupted_upload_is_used(
    client: GeminiClient, emulator: EmulatorProcess
) -> None:
    first = await copied(client, Input(lines(300)))
    chunks = emulator.requests(CHUNKS)
    again = await copied(client, Input(lines(300)))
    assert again[:2] == first[:2]
    assert emulator.requests(CHUNKS) == chunks
    assert len(emulator.state()["files"]) == 1


async def test_p10_a_file_of_another_content_is_replaced(
    client: GeminiClient, emulator: EmulatorProcess
) -> None:
    await copied(client, Input(lines(300)))
    source = Input(lines(300, "Sing"))
    checked, info, _ = await copied(client, source)
    assert info.sha256 == checked.sha256 == hashlib.sha256(source.content).hexdigest()
    assert source.opened == 2
    assert len(emulator.state()["files"]) == 1


async def test_s07_a_file_of_somebody_else_is_left_alone(
    client: GeminiClient, emulator: EmulatorProcess
) -> None:
    other = await client.files.start_upload(NewFile(FILE.name, "theirs"))
    await client.files.finish_upload(other, FILE.name)
    with pytest.raises(NotOurs, match="not this job's"):
        await copied(client, Input(lines(3)))
    [file] = emulator.state()["files"]
    assert file["displayName"] == "theirs"


@pytest.mark.parametrize(
    ("content", "uri", "said"),
    [
        (b"", "s3://bucket/in.jsonl", "s3://bucket/in.jsonl: it is empty"),
        (lines(400) + b"{}\n", "https://h.example/a?token=x", "https://h.example/a: line 401 "),
        (lines(400), "s3://bucket/in.gz", "s3://bucket/in.gz: it is not gzip"),
        (gzip.compress(lines(400))[:-4], "s3://bucket/in.gz", "s3://bucket/in.gz: "),
    ],
    ids=["empty", "last line", "no gzip", "cut gzip"],
)
async def test_an_input_that_is_wrong_leaves_nothing(
    content: bytes, uri: str, said: str, client: GeminiClient, emulator: EmulatorProcess
) -> None:
    with pytest.raises(InvalidInput) as raised:
        await copied(client, Input(content), uri)
    assert str(raised.value).startswith(said)
    assert emulator.state()["files"] == []


class Whole(Input):
    """A source that is read in one piece, as short ones are."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        yield self.content


@pytest.mark.parametrize("again", [False, True], ids=["uploaded", "read to compare"])
async def test_s10_a_packed_input_that_unpacks_to_a_lot_is_not_in_memory(
    again: bool, client: GeminiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "CHUNK", MIB)
    packed = gzip.compress(
        b"".join(lines(1, "a" * 2 * MIB).replace(b"k0", b"%d" % n) for n in range(24))
    )
    assert len(packed) < MIB
    if again:
        await copied(client, Whole(packed), "s3://bucket/in.gz")
    tracemalloc.start()
    try:
        checked, _, _ = await copied(client, Whole(packed), "s3://bucket/in.gz")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert checked.bytes > 48 * MIB
    assert most < 24 * MIB


async def test_s10_lines_that_are_packed_one_by_one_are_not_sent_one_by_one(
    client: GeminiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "CHUNK", MIB)
    packed = b"".join(map(gzip.compress, lines(2000).splitlines(keepends=True)))
    checked, _, sent = await copied(client, Whole(packed), "s3://bucket/in.gz")
    assert checked.records == 2000
    assert len(sent) < 50


async def test_an_input_of_more_than_2_gib_is_not_even_begun(
    client: GeminiClient, emulator: EmulatorProcess
) -> None:
    with pytest.raises(InvalidInput, match=r"^s3://bucket/in.jsonl: it has more than 2147483648 "):
        await copied(client, Input(lines(400), size=2**31 + 4))
    assert emulator.requests("files.upload") == 0
    # Packed, or with a byte order mark, it may be small enough.
    await copied(client, Input(lines(400), size=2**31 + 3))
    await client.files.delete(FILE.name)
    await copied(client, Input(gzip.compress(lines(3)), size=2**40), "s3://bucket/in.gz")


@pytest.mark.parametrize("breaks", [0, 1, 12])
async def test_a_source_that_breaks_leaves_nothing(
    breaks: int, client: GeminiClient, emulator: EmulatorProcess
) -> None:
    with pytest.raises(OSError, match="gone"):
        await copied(client, Input(lines(300), breaks))
    assert emulator.state()["files"] == []


async def test_an_upload_that_google_refuses_ends_it(
    client: GeminiClient, emulator: EmulatorProcess
) -> None:
    fault = {"route": CHUNKS, "count": None, "action": "status", "status": 503}
    emulator.control("POST", "faults", fault)
    source = Input(lines(300))
    with pytest.raises(errors.Unavailable):
        await copied(client, source)
    emulator.control("DELETE", "faults")
    assert source.opened == source.closed == 1
    assert emulator.state()["files"] == []


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with serving() as one:
        yield one


def answers(peer: Peer, *infos: dict[str, Any]) -> None:
    """No file yet, an upload in one chunk, then what Google shows of the file."""
    gone = {"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}}
    shown = [{"name": FILE.name, "displayName": FILE.display_name, **info} for info in infos]
    first, *more = shown
    peer.then(
        says(gone, 404),
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        says({"file": first}, headers={"x-goog-upload-status": "final"}),
        *map(says, more),
    )


async def test_a_file_that_is_processed_is_waited_for(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "SETTLES", (0.01, 0.01, 0.01))
    text = lines(3)
    size = {"sizeBytes": str(len(text))}
    answers(
        peer,
        {**size, "state": "PROCESSING"},
        {**size, "state": "PROCESSING"},
        {**size, "state": "ACTIVE"},
    )
    async with using(peer.url) as client:
        _, info, _ = await copied(client, Input(text))
    assert info.state == "ACTIVE"


@pytest.mark.parametrize("state", ["PROCESSING", "FAILED"])
async def test_a_file_that_never_becomes_active_is_deleted(
    state: str, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "SETTLES", (0.01, 0.01))
    text = lines(3)
    shown = {"sizeBytes": str(len(text)), "state": state}
    answers(peer, *([shown] * (3 if state == "PROCESSING" else 1)))
    async with using(peer.url) as client:
        with pytest.raises(errors.Unavailable, match=state):
            await copied(client, Input(text))
    assert peer.seen[-1].method == "DELETE"


@pytest.mark.parametrize(
    "shown", [{"sizeBytes": "7"}, {"sha256Hash": "MDAw" * 10}, {}], ids=["size", "odd", "none"]
)
async def test_a_file_that_is_not_what_was_sent_is_deleted(
    shown: dict[str, Any], peer: Peer
) -> None:
    answers(peer, {"state": "ACTIVE", **shown})
    async with using(peer.url) as client:
        with pytest.raises(errors.Unavailable, match="or other ones"):
            await copied(client, Input(lines(3)))
    assert (peer.seen[-1].method, peer.seen[-1].target) == ("DELETE", f"/v1beta/{FILE.name}")
