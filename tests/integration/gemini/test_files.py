import base64
import gzip
import hashlib
import zlib
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest
from google.genai import types

from gemini_operator.gemini import errors
from gemini_operator.gemini.clients import GeminiClient
from tests.emulator_process import EmulatorProcess
from tests.integration.gemini.conftest import ClientFor
from tests.integration.gemini.peer import Peer, breaks_off, inflates, refuses, says, sends

GONE = "You do not have permission to access the File f1 or it may not exist."
CONTENT = bytes(range(256)) * 10_000


async def read(client: GeminiClient, limit: int, name: str = "files/f1") -> bytes:
    async with aclosing(client.files.download(name, limit)) as pieces:
        return b"".join([piece async for piece in pieces])


async def upload(client: GeminiClient, path: Any) -> str:
    path.write_bytes(b'{"key": "a", "request": {}}\n')
    config = types.UploadFileConfig(
        name="input-1", display_name="ours [0f9a1b2c-1]", mime_type="jsonl"
    )
    file = await client._sdk.aio.files.upload(file=path, config=config)
    assert file.name
    return file.name


async def test_a_file_is_looked_up_and_deleted(
    emulator: EmulatorProcess, client_for: ClientFor, tmp_path: Any
) -> None:
    client = client_for(emulator.url)
    name = await upload(client, tmp_path / "in.jsonl")
    info = await client.files.get(name)
    assert info.name == name
    assert info.display_name == "ours [0f9a1b2c-1]"
    assert info.size == 28
    assert info.sha256 == hashlib.sha256((tmp_path / "in.jsonl").read_bytes()).hexdigest()
    assert info.state == "ACTIVE"
    assert info.expires is not None
    assert info.expires > datetime.now(UTC)
    await client.files.delete(name)
    assert emulator.state()["files"] == []
    with pytest.raises(errors.NotFound):
        await client.files.get(name)


async def test_a_missing_file_is_not_found_although_google_answers_403(
    emulator: EmulatorProcess, client_for: ClientFor
) -> None:
    client = client_for(emulator.url)
    with pytest.raises(errors.NotFound):
        await client.files.get("files/none")
    with pytest.raises(errors.NotFound):
        await client.files.delete("files/none")
    with pytest.raises(errors.NotFound):
        await read(client, 10, "files/none")


async def test_a_real_403_blames_the_key(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    peer.then(refuses(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), refuses(401, "U", GONE))
    for _ in range(2):
        with pytest.raises(errors.CredentialsRejected):
            await client.files.get("files/f1")


async def test_an_answer_about_another_file_is_none(peer: Peer, client_for: ClientFor) -> None:
    peer.then(says({"name": "files/f2"}))
    with pytest.raises(errors.Unavailable, match="another file"):
        await client_for(peer.url).files.get("files/f1")


DIGEST = hashlib.sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (base64.b64encode(DIGEST.encode()).decode(), DIGEST),
        (base64.b64encode(bytes.fromhex(DIGEST)).decode(), DIGEST),
        (base64.b64encode(DIGEST.upper().encode()).decode(), DIGEST),
        (DIGEST[:-1], None),
        ("é", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
async def test_a_hash_is_read_in_either_form_or_not_at_all(
    said: Any, expected: str | None, peer: Peer, client_for: ClientFor
) -> None:
    peer.then(says({"name": "files/f1", "sha256Hash": said}))
    assert (await client_for(peer.url).files.get("files/f1")).sha256 == expected


async def test_s22_what_google_says_of_a_file_is_bounded(peer: Peer, client_for: ClientFor) -> None:
    said = {
        "name": "files/f1",
        "displayName": "d\n" * 5000,
        "mimeType": "m" * 5000,
        "sizeBytes": "9" * 100,
        "state": "s" * 5000,
        "expirationTime": 7,
    }
    peer.then(says(said))
    info = await client_for(peer.url).files.get("files/f1")
    assert len(info.display_name) <= 512
    assert len(info.mime_type) <= 128
    assert (info.size, info.state, info.expires) == (2**63 - 1, "UNKNOWN", None)


@pytest.mark.parametrize("name", ["files/../batches/b", "f1", "files/F", "files/a:download", ""])
async def test_s03_a_file_that_is_no_name_reaches_nobody(
    name: str, peer: Peer, client_for: ClientFor
) -> None:
    client = client_for(peer.url)
    for call in (client.files.get(name), client.files.delete(name), read(client, 1, name)):
        with pytest.raises(errors.Rejected, match="nothing was sent"):
            await call
    assert peer.seen == []


async def test_a_download_arrives_in_bounded_pieces(peer: Peer, client_for: ClientFor) -> None:
    peer.then(sends(CONTENT), sends(CONTENT))
    client = client_for(peer.url)
    assert await read(client, len(CONTENT)) == CONTENT
    sizes = [len(piece) async for piece in client.files.download("files/f1", len(CONTENT))]
    assert max(sizes) <= 2**20
    assert peer.seen[0].target == "/v1beta/files/f1:download?alt=media"


async def test_s22_a_download_over_its_limit_is_too_large(
    peer: Peer, client_for: ClientFor
) -> None:
    peer.then(sends(CONTENT), inflates(20 * 2**20))
    client = client_for(peer.url)
    with pytest.raises(errors.TooLarge):
        await read(client, len(CONTENT) - 1)
    with pytest.raises(errors.TooLarge):
        await read(client, 2**20)


async def test_a_download_that_breaks_off_is_unavailable(peer: Peer, client_for: ClientFor) -> None:
    peer.then(breaks_off(CONTENT, len(CONTENT) + 1))
    with pytest.raises(errors.Unavailable, match="broke"):
        await read(client_for(peer.url), 2 * len(CONTENT))


@pytest.mark.parametrize("left", [0, 5, 1000, -1], ids=["nothing", "head", "start", "all but one"])
async def test_a_compressed_download_that_is_cut_off_is_not_taken_for_whole(
    left: int, peer: Peer, client_for: ClientFor
) -> None:
    """The length of the answer is right: something between Google and here cut it off."""
    packed = gzip.compress(CONTENT)
    headers = {"content-encoding": "gzip"}
    peer.then(sends(packed[:left], headers=headers), sends(packed, headers=headers))
    with pytest.raises(errors.Unavailable, match="DecodingError"):
        await read(client_for(peer.url), 2 * len(CONTENT))
    assert await read(client_for(peer.url), 2 * len(CONTENT)) == CONTENT


async def test_a_compressed_download_may_have_several_members(
    peer: Peer, client_for: ClientFor
) -> None:
    packed = b"".join(gzip.compress(half) for half in (CONTENT[:9000], CONTENT[9000:]))
    peer.then(sends(packed, headers={"content-encoding": "gzip"}))
    assert await read(client_for(peer.url), 2 * len(CONTENT)) == CONTENT


async def test_a_download_in_another_encoding_is_refused(peer: Peer, client_for: ClientFor) -> None:
    peer.then(sends(zlib.compress(CONTENT), headers={"content-encoding": "deflate"}))
    with pytest.raises(errors.Unavailable, match="DecodingError"):
        await read(client_for(peer.url), 2 * len(CONTENT))


async def test_a_refused_download_is_classified(peer: Peer, client_for: ClientFor) -> None:
    client = client_for(peer.url)
    peer.then(refuses(404), refuses(429, headers={"Retry-After": "2"}), refuses(503))
    for kind in (errors.NotFound, errors.Throttled, errors.Unavailable):
        with pytest.raises(kind):
            await read(client, 10)


async def test_a_download_that_nobody_finishes_lets_its_connection_go(
    peer: Peer, client_for: ClientFor
) -> None:
    """More abandoned downloads than connections, and the next call still finds one."""
    client = client_for(peer.url)
    peer.then(*(sends(CONTENT) for _ in range(40)))
    for _ in range(40):
        async with aclosing(client.files.download("files/f1", len(CONTENT))) as pieces:
            assert await anext(pieces)
    await client.batches.search()
