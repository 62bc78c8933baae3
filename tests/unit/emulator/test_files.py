import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gemini_emulator.errors import ApiError
from gemini_emulator.files import FILE_LIFETIME, File, FileStore, check_file_id, new_file_id
from gemini_emulator.uploads import MAX_FILE_BYTES, Upload, Uploads, new_upload_id

from .conftest import ManualClock


def file(clock: ManualClock, file_id: str = "a", project: str = "demo") -> File:
    return File(file_id, project, "Name", "jsonl", 4, "ab" * 32, clock.now)


def keep(files: FileStore, one: File, folder: Path) -> None:
    content = folder / "content"
    content.write_bytes(b"text")
    files.add(one, content)


def test_a_file_is_read_back_as_it_was(tmp_path: Path, clock: ManualClock) -> None:
    one = file(clock)
    keep(FileStore(tmp_path / "files", clock), one, tmp_path)
    again = FileStore(tmp_path / "files", clock)
    assert list(again) == [one]
    content = again.content("demo", "a")
    assert content is not None
    assert content.read_bytes() == b"text"


def test_a_file_is_gone_after_48_hours(tmp_path: Path, clock: ManualClock) -> None:
    files = FileStore(tmp_path / "files", clock)
    keep(files, file(clock), tmp_path)
    clock.advance(FILE_LIFETIME - 1)
    assert files.get("demo", "a")
    clock.advance(1)
    assert files.get("demo", "a") is None
    assert files.content("demo", "a") is None
    with pytest.raises(ApiError):
        files.find("demo", "a")


def test_two_projects_may_use_one_name(tmp_path: Path, clock: ManualClock) -> None:
    files = FileStore(tmp_path / "files", clock)
    for project in ("demo", "other"):
        keep(files, file(clock, project=project), tmp_path)
    files.remove(files.find("demo", "a"))
    assert [one.project for one in files] == ["other"]
    with pytest.raises(ApiError) as caught:
        files.find("demo", "a")
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")


def test_the_resource_has_the_members_of_the_api(clock: ManualClock) -> None:
    resource = file(clock).resource("http://h")
    assert resource["name"] == "files/a"
    assert resource["uri"] == "http://h/v1beta/files/a"
    assert (resource["sizeBytes"], resource["state"], resource["source"]) == (
        "4",
        "ACTIVE",
        "UPLOADED",
    )
    assert base64.b64decode(resource["sha256Hash"]) == b"ab" * 32


@pytest.mark.parametrize("good", ["a", "my-file", "0", "x" * 40])
def test_an_id_of_the_file_api_is_accepted(good: str) -> None:
    assert check_file_id(good, "x") == good


def test_an_id_that_we_choose_is_accepted() -> None:
    chosen = new_file_id()
    assert check_file_id(chosen, "x") == chosen


@pytest.mark.parametrize("bad", ["", "-a", "a-", "A", "a_b", "a.b", "../a", "x" * 41, "é"])
def test_every_other_id_is_refused(bad: str) -> None:
    with pytest.raises(ApiError, match="File ID") as caught:
        check_file_id(bad, "x")
    assert caught.value.code == 400


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def broken() -> AsyncIterator[bytes]:
    yield b"lost"
    raise ConnectionResetError


@pytest.fixture
def files(tmp_path: Path, clock: ManualClock) -> FileStore:
    return FileStore(tmp_path / "files", clock)


@pytest.fixture
def uploads(tmp_path: Path, files: FileStore, clock: ManualClock) -> Uploads:
    return Uploads(tmp_path / "uploads", files, clock)


def session(expected: int | None = 8, file_id: str = "a") -> Upload:
    return Upload(new_upload_id(), "demo", file_id, "Name", "jsonl", expected)


async def test_chunks_become_a_file(uploads: Uploads, files: FileStore) -> None:
    upload = uploads.start(session())
    await uploads.receive(upload, 0, chunks(b"on", b"e "))
    await uploads.receive(upload, 4, chunks(b"two!"))
    file = await uploads.finalize(upload)
    assert file == files.get("demo", "a")
    assert file.size == 8
    assert file.sha256 == hashlib.sha256(b"one two!").hexdigest()
    content = files.content("demo", "a")
    assert content is not None
    assert content.read_bytes() == b"one two!"
    with pytest.raises(ApiError, match="not found"):
        uploads.find(upload.id)


async def test_a_broken_chunk_counts_for_nothing(
    uploads: Uploads, files: FileStore, tmp_path: Path, clock: ManualClock
) -> None:
    upload = uploads.start(session())
    await uploads.receive(upload, 0, chunks(b"one "))
    with pytest.raises(ConnectionResetError):
        await uploads.receive(upload, 4, broken())
    again = Uploads(tmp_path / "uploads", files, clock)
    upload = again.find(upload.id)
    assert upload.received == 4
    await again.receive(upload, 4, chunks(b"two!"))
    assert (await again.finalize(upload)).sha256 == hashlib.sha256(b"one two!").hexdigest()


@pytest.mark.parametrize("offset", [0, 3, 5])
async def test_a_chunk_at_another_offset_is_refused(uploads: Uploads, offset: int) -> None:
    upload = uploads.start(session())
    await uploads.receive(upload, 0, chunks(b"one "))
    with pytest.raises(ApiError, match="4 bytes were received"):
        await uploads.receive(upload, offset, chunks(b"two!"))
    assert upload.received == 4


async def test_fewer_bytes_than_announced_are_no_file(uploads: Uploads) -> None:
    upload = uploads.start(session(expected=9))
    await uploads.receive(upload, 0, chunks(b"one two!"))
    with pytest.raises(ApiError, match="9 bytes were announced, but 8"):
        await uploads.finalize(upload)


async def test_of_two_uploads_of_one_name_the_first_to_end_wins(uploads: Uploads) -> None:
    first, second = uploads.start(session(0)), uploads.start(session(0))
    await uploads.finalize(first)
    with pytest.raises(ApiError) as late:
        await uploads.finalize(second)
    with pytest.raises(ApiError) as later:
        uploads.start(session(0))
    assert (late.value.code, later.value.code) == (409, 409)


def test_more_than_2_gb_are_refused_when_announced(uploads: Uploads) -> None:
    with pytest.raises(ApiError, match="larger than"):
        uploads.start(session(MAX_FILE_BYTES + 1))


async def test_more_than_allowed_is_refused_when_sent(
    tmp_path: Path, files: FileStore, clock: ManualClock
) -> None:
    uploads = Uploads(tmp_path / "uploads", files, clock, max_bytes=6)
    upload = uploads.start(session(None))
    with pytest.raises(ApiError, match="larger than"):
        await uploads.receive(upload, 0, chunks(b"1234", b"5678"))
    assert upload.received == 0


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "sent"])
async def test_what_a_project_has_no_room_for_is_refused(
    tmp_path: Path, files: FileStore, clock: ManualClock, announced: bool
) -> None:
    uploads = Uploads(tmp_path / "uploads", files, clock, max_stored_bytes=11)
    keep(files, file(clock, "b"), tmp_path)
    keep(files, file(clock, "b", project="other"), tmp_path)

    async def upload() -> File:
        one = uploads.start(session(8 if announced else None))
        await uploads.receive(one, 0, chunks(b"one two!"))
        return await uploads.finalize(one)

    with pytest.raises(ApiError, match="file_storage_bytes, limit: 11") as full:
        await upload()
    assert full.value.code == 429
    # Files of other projects do not count, nor do those that are no longer kept.
    clock.advance(FILE_LIFETIME)
    uploads.clear()
    await upload()


def test_a_cancelled_upload_leaves_nothing(uploads: Uploads, tmp_path: Path) -> None:
    upload = uploads.start(session())
    uploads.cancel(upload)
    assert list((tmp_path / "uploads").iterdir()) == []


async def test_a_cancelled_upload_becomes_no_file_later(
    uploads: Uploads, files: FileStore, tmp_path: Path
) -> None:
    upload = uploads.start(session())
    await uploads.receive(upload, 0, chunks(b"one two!"))
    finalizing = asyncio.create_task(uploads.finalize(upload))
    # It is hashed in a thread by now.
    await asyncio.sleep(0)
    uploads.cancel(upload)
    with pytest.raises(ApiError, match="not found"):
        await finalizing
    assert list(files) == []
    assert list((tmp_path / "uploads").iterdir()) == []
    with pytest.raises(ApiError, match="not found"):
        await uploads.finalize(upload)
