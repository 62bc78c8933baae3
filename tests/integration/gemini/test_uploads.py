"""Resumable uploads, to the emulator and to a server that loses chunks and answers."""

import hashlib
import random

import pytest

from gemini_operator.gemini import errors, uploads
from gemini_operator.gemini.clients import GeminiClient
from gemini_operator.gemini.uploads import NewFile, Upload
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import Peer, drops, refuses, says

FILE = NewFile("files/0f9a1b2c-1", "team-a/nightly [0f9a1b2c-1]")
CHUNK = 2**18
"""Bytes; the real size, of the first test, takes more time than it shows."""

CONTENT = random.Random(1).randbytes(2 * CHUNK + 12_345)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
ROUTE = "files.uploadChunk"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK", CHUNK)

    async def sleep(seconds: float) -> None:
        assert 0 < seconds <= 15

    monkeypatch.setattr(uploads.Upload.__init__, "__defaults__", (sleep,))
    monkeypatch.setattr(uploads.start, "__defaults__", (sleep,))


async def send(client: GeminiClient, content: bytes = CONTENT, *, pieces: int = 100_000) -> Upload:
    upload = await client.files.start_upload(FILE)
    for start in range(0, len(content), pieces):
        await upload.write(content[start : start + pieces])
    return upload


async def test_a_chunk_has_8_mib_as_in_the_sdks(
    emulator: EmulatorProcess, client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    client = client_for(emulator.url)
    content = CONTENT * 40
    upload = await send(client, content, pieces=2**20)
    assert upload.sent == 2 * 8 * 2**20
    info = await client.files.finish_upload(upload, FILE.name)
    assert (info.size, info.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert emulator.requests(ROUTE) == 3


async def test_a_stream_of_unknown_length_becomes_a_file(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    upload = await send(client)
    # What is not finished, nobody sees.
    assert emulator.state()["files"] == []
    assert upload.sent == 2 * CHUNK
    info = await client.files.finish_upload(upload, FILE.name)
    assert (info.name, info.size, info.sha256) == (FILE.name, len(CONTENT), DIGEST)
    assert info.display_name == FILE.display_name
    assert info.mime_type == "application/jsonl"
    assert info.state == "ACTIVE"
    assert await client.files.get(FILE.name) == info


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
async def test_every_size_is_whole(
    size: int, emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    content = CONTENT[:size]
    info = await client.files.finish_upload(await send(client, content), FILE.name)
    assert (info.size, info.sha256) == (size, hashlib.sha256(content).hexdigest())


DISTURBANCES = [
    {**fault, "when": when}
    for when in ("before", "after")
    for fault in (
        {"action": "status", "status": 503},
        {"action": "status", "status": 429},
        {"action": "drop"},
    )
]


@pytest.mark.parametrize("chunk", [0, 1, 2])
@pytest.mark.parametrize("fault", DISTURBANCES, ids=str)
async def test_a_chunk_that_fails_is_sent_again_from_where_google_is(
    chunk: int, fault: dict[str, object], emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    upload = await client.files.start_upload(FILE)
    for start in range(0, len(CONTENT), CHUNK):
        if start // CHUNK == chunk:
            # The chunk is sent when there is more, and the last one at the end.
            emulator.control("POST", "faults", {"route": ROUTE, "count": 1, **fault})
        await upload.write(CONTENT[start : start + CHUNK])
    info = await client.files.finish_upload(upload, FILE.name)
    assert (info.size, info.sha256) == (len(CONTENT), DIGEST)
    assert [file["name"] for file in emulator.state()["files"]] == [FILE.name]


async def test_an_upload_that_fails_again_and_again_leaves_no_file(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    upload = await send(client)
    emulator.control("POST", "faults", {"route": ROUTE, "count": None, "action": "status"})
    with pytest.raises(errors.Unavailable, match="503"):
        await client.files.finish_upload(upload, FILE.name)
    # Nor does giving up raise anything.
    await upload.cancel()
    assert emulator.state()["files"] == []


async def test_a_cancelled_upload_is_gone(emulator: EmulatorProcess, client_for: ClientFor) -> None:
    client = client_for(emulator.url)
    upload = await send(client)
    await upload.cancel()
    with pytest.raises(errors.NotFound):
        await client.files.finish_upload(upload, FILE.name)
    assert emulator.state()["files"] == []


async def test_a_restart_of_google_loses_no_upload(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    upload = await send(client)
    emulator.kill()
    emulator.start()
    info = await client.files.finish_upload(upload, FILE.name)
    assert info.sha256 == DIGEST


async def test_s21_the_upload_goes_only_to_google_and_chunks_carry_no_key(
    peer: Peer, stranger: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    peer.then(says({}, headers={"x-goog-upload-url": f"{stranger.url}/upload/1"}))
    upload = await client.files.start_upload(FILE)
    with pytest.raises(errors.Rejected, match="another address"):
        await upload.finish()
    assert stranger.seen == []
    for odd in ("ftp://", "//", "http://[", "http://exa mple/", "\u00e9"):
        peer.then(says({}, headers={"x-goog-upload-url": odd}))
        upload = await client.files.start_upload(FILE)
        with pytest.raises(errors.GeminiError) as raised:
            await upload.finish()
        assert API_KEY not in str(raised.value)
    peer.seen.clear()
    answer = {"file": {"name": FILE.name, "sizeBytes": "1"}}
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        says(answer, headers={"x-goog-upload-status": "final"}),
    )
    upload = await client.files.start_upload(FILE)
    await upload.write(b"x")
    assert (await client.files.finish_upload(upload, FILE.name)).size == 1
    begin, chunk = peer.seen
    assert begin.all("x-goog-api-key") == [API_KEY]
    assert begin.json == {
        "file": {
            "name": FILE.name,
            "display_name": FILE.display_name,
            "mime_type": "application/jsonl",
        }
    }
    assert not chunk.all("x-goog-api-key")
    assert chunk.all("x-goog-upload-command") == ["upload, finalize"]
    assert chunk.body == b"x"


@pytest.mark.parametrize("size", ["", "-1", "7", "99999999", "x", "9" * 30])
async def test_a_google_that_forgot_what_it_confirmed_is_not_believed(
    size: str, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    active = {"x-goog-upload-status": "active"}
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        says({}, headers=active),
        refuses(503),
        says({}, headers={**active, "x-goog-upload-size-received": size}),
    )
    upload = await client.files.start_upload(FILE)
    with pytest.raises(errors.Unavailable, match="lost a part"):
        await upload.write(CONTENT)


@pytest.mark.parametrize("content", [CONTENT, b"x"], ids=["a chunk", "the last chunk"])
async def test_s10_an_upload_keeps_no_place_while_google_wants_to_be_left_alone(
    content: bytes, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        refuses(429, headers={"Retry-After": "3600"}),
    )
    with pytest.raises(errors.Throttled) as raised:
        await client.files.finish_upload(await send(client, content), FILE.name)
    assert raised.value.retry_after == 3600
    assert len(peer.seen) == 2


async def test_an_upload_for_which_google_has_no_room_is_not_tried_again(
    peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    full = "* Quota exceeded for metric: generativelanguage.googleapis.com/file_storage_bytes"
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        refuses(429, message=full),
    )
    with pytest.raises(errors.StorageFull):
        await client.files.finish_upload(await send(client, b"x"), FILE.name)
    assert len(peer.seen) == 2


async def test_a_part_of_a_chunk_is_not_sent_twice(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    active = {"x-goog-upload-status": "active"}
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        drops,
        says({}, headers={**active, "x-goog-upload-size-received": "65536"}),
        says({}, headers=active),
    )
    upload = await client.files.start_upload(FILE)
    await upload.write(CONTENT[: CHUNK + 1])
    first, query, rest = peer.seen[1:]
    assert first.body == CONTENT[:CHUNK]
    assert query.all("x-goog-upload-command") == ["query"]
    assert rest.body == CONTENT[65_536:CHUNK]
    assert rest.all("x-goog-upload-offset") == ["65536"]
    assert upload.sent == CHUNK


async def test_a_chunk_that_google_has_is_not_sent_again_after_two_lost_answers(
    peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    active = {"x-goog-upload-status": "active"}
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        drops,
        drops,
        says({}, headers={**active, "x-goog-upload-size-received": str(CHUNK)}),
    )
    upload = await client.files.start_upload(FILE)
    await upload.write(CONTENT[: CHUNK + 1])
    commands = [request.all("x-goog-upload-command") for request in peer.seen[1:]]
    assert commands == [["upload"], ["query"], ["query"]]
    assert upload.sent == CHUNK


@pytest.mark.parametrize("status", ["", "final", "cancelled"])
async def test_an_upload_that_ends_before_its_last_chunk_is_no_file(
    status: str, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    peer.then(
        says({}, headers={"x-goog-upload-url": f"{peer.url}/upload/1"}),
        says({}, headers={"x-goog-upload-status": status}),
    )
    upload = await client.files.start_upload(FILE)
    with pytest.raises(errors.Rejected, match="ended the upload"):
        await upload.write(CONTENT)


async def test_an_upload_without_an_address_is_tried_later(
    peer: Peer, client_for: ClientFor
) -> None:
    with pytest.raises(errors.Unavailable, match="no address"):
        await client_for(peer.url).files.start_upload(FILE)


async def test_s03_a_name_with_another_grammar_is_not_sent(
    peer: Peer, client_for: ClientFor
) -> None:
    for name in ("x", "files/../y", "files/A", "files/" + "x" * 200):
        with pytest.raises(errors.Rejected):
            await client_for(peer.url).files.start_upload(NewFile(name, "x"))
    assert peer.seen == []


async def test_a_leader_that_lost_its_lease_uploads_nothing(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    holds = True
    client = client_for(emulator.url, may_send=lambda: holds)
    upload = await send(client, b"x")
    holds = False
    with pytest.raises(errors.NotSent):
        await client.files.finish_upload(upload, FILE.name)
    with pytest.raises(errors.NotSent):
        await client.files.start_upload(FILE)
    assert emulator.state()["files"] == []
