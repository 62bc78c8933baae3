"""Files, and batches made from them, through google-genai, synchronous and asynchronous."""

import base64
import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from tests.emulator_process import EmulatorProcess
from tests.waiting import eventually, eventually_async

pytestmark = [
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
    pytest.mark.filterwarnings("ignore:Sending a large body directly with raw bytes"),
]

CHUNK = 8 * 2**20
"""Bytes that the SDK sends in one request of an upload."""

LINES = [
    {"key": "one", "request": {"contents": [{"parts": [{"text": "Say hello"}]}]}},
    {"key": "two", "request": {"contents": [{"parts": [{"text": "[[fail]]"}]}]}},
    {"key": "three", "request": {"contents": [{"parts": [{"text": "Say bye"}]}]}},
]


@pytest.fixture
def client(emulator: EmulatorProcess, api_key: str) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=emulator.url, api_version="v1beta", timeout=20_000)
    with genai.Client(api_key=api_key, http_options=options) as client:
        yield client


@pytest.fixture
async def aio(client: genai.Client) -> AsyncIterator[Any]:
    async with client.aio as aio:
        yield aio


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return path


def config(**more: Any) -> types.UploadFileConfig:
    return types.UploadFileConfig(mime_type="jsonl", **more)


def test_an_uploaded_file_is_got_listed_and_deleted(client: genai.Client, jsonl: Path) -> None:
    file = client.files.upload(file=jsonl, config=config(name="my-input", display_name="Input"))
    digest = hashlib.sha256(jsonl.read_bytes()).hexdigest()
    assert (file.name, file.display_name) == ("files/my-input", "Input")
    assert (file.size_bytes, file.mime_type) == (jsonl.stat().st_size, "jsonl")
    assert base64.b64decode(file.sha256_hash or "").decode() == digest
    assert file.state is types.FileState.ACTIVE
    assert (file.expiration_time - file.create_time).total_seconds() == 48 * 3600
    assert client.files.get(name="files/my-input") == file
    assert list(client.files.list()) == [file]
    client.files.delete(name="files/my-input")
    assert list(client.files.list()) == []
    with pytest.raises(errors.ClientError, match="may not exist") as caught:
        client.files.get(name="files/my-input")
    assert caught.value.code == 403


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK + 5])
def test_an_upload_arrives_whole_in_however_many_chunks(client: genai.Client, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    file = client.files.upload(file=io.BytesIO(content[:size]), config=config())
    expected = hashlib.sha256(content[:size]).hexdigest()
    assert file.size_bytes == size
    assert base64.b64decode(file.sha256_hash or "").decode() == expected


def test_a_second_file_of_one_name_is_refused(client: genai.Client, jsonl: Path) -> None:
    client.files.upload(file=jsonl, config=config(name="twice"))
    with pytest.raises(errors.ClientError) as caught:
        client.files.upload(file=jsonl, config=config(name="twice"))
    assert (caught.value.code, caught.value.status) == (409, "ALREADY_EXISTS")


def test_files_are_listed_in_pages(client: genai.Client, jsonl: Path) -> None:
    names = [client.files.upload(file=jsonl, config=config()).name for _ in range(3)]
    pager = client.files.list(config={"page_size": 2})
    assert len(pager.page) == 2
    assert [file.name for file in pager] == names[::-1]


def test_an_uploaded_file_cannot_be_downloaded(client: genai.Client, jsonl: Path) -> None:
    file = client.files.upload(file=jsonl, config=config())
    with pytest.raises(errors.ClientError, match="can be downloaded"):
        client.files.download(file=file.name)


def test_a_file_batch_answers_line_by_line_in_input_order(
    client: genai.Client, jsonl: Path
) -> None:
    file = client.files.upload(file=jsonl, config=config())
    created = client.batches.create(model="gemini-2.5-flash", src=file.name)
    job = eventually(lambda: (job := client.batches.get(name=created.name)).done and job)
    name = job.dest.file_name
    results = [json.loads(line) for line in client.files.download(file=name).splitlines()]
    assert name == f"files/batch-{created.name.removeprefix('batches/')}"
    assert [result["key"] for result in results] == ["one", "two", "three"]
    assert ["error" in result for result in results] == [False, True, False]
    assert results[0]["response"]["candidates"][0]["content"]["parts"][0]["text"] == (
        "Say hello (2 words)"
    )
    for operation in (client.files.get, client.files.delete):
        with pytest.raises(errors.ClientError, match="cannot be more than 40 characters"):
            operation(name=name)


def test_a_file_batch_of_embeddings_answers_with_vectors(
    client: genai.Client, tmp_path: Path
) -> None:
    path = tmp_path / "texts.jsonl"
    request = {"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 3}
    path.write_text(json.dumps({"key": "a", "request": request}))
    file = client.files.upload(file=path, config=config())
    created = client.batches.create_embeddings(
        model="gemini-embedding-001", src={"file_name": file.name}
    )
    job = eventually(lambda: (job := client.batches.get(name=created.name)).done and job)
    (result,) = client.files.download(file=job.dest.file_name).splitlines()
    assert len(json.loads(result)["response"]["embedding"]["values"]) == 3


def test_a_line_that_is_no_request_fails_the_batch(client: genai.Client, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(LINES[0]) + '\n{"key": "two"}\n')
    file = client.files.upload(file=path, config=config())
    created = client.batches.create(model="gemini-2.5-flash", src=file.name)
    job = eventually(lambda: (job := client.batches.get(name=created.name)).done and job)
    assert job.state.name == "JOB_STATE_FAILED"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("not json", "Error on line 2: invalid JSON"),
        ('{"request": {"thinking_config": {}}}', "no such field: 'thinking_config'"),
    ],
)
def test_a_line_that_cannot_be_parsed_refuses_the_create(
    client: genai.Client, tmp_path: Path, line: str, problem: str
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(LINES[0]) + f"\n{line}\n")
    file = client.files.upload(file=path, config=config())
    with pytest.raises(errors.ClientError, match=problem):
        client.batches.create(model="gemini-2.5-flash", src=file.name)


async def test_the_asynchronous_client_uploads_runs_and_downloads(aio: Any, jsonl: Path) -> None:
    file = await aio.files.upload(file=jsonl, config=config(name="async-input"))
    assert await aio.files.get(name=file.name) == file
    created = await aio.batches.create(model="gemini-2.5-flash", src=file.name)

    async def done() -> Any:
        job = await aio.batches.get(name=created.name)
        return job.done and job

    job = await eventually_async(done)
    content = await aio.files.download(file=job.dest.file_name)
    assert len(content.splitlines()) == len(LINES)
    await aio.files.delete(name=file.name)
    assert [listed async for listed in await aio.files.list()] == []


async def test_the_asynchronous_client_uploads_in_chunks(aio: Any, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"0123456789abcdef" * (CHUNK // 16) + b"tail")
    file = await aio.files.upload(file=path, config=config())
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert base64.b64decode(file.sha256_hash).decode() == expected
