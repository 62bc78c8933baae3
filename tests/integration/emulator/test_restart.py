"""What a killed emulator still knows when it is started again."""

import asyncio

import pytest

from tests.emulator_process import API_KEY, EmulatorProcess
from tests.integration.emulator.conftest import Gemini, Inbox, started_with
from tests.waiting import eventually_async

slow = started_with("--schedule", "pending=1h,running=1h")


async def finish(gemini: Gemini, name: str) -> None:
    async def done() -> object:
        return (await gemini.get(name)).get("done")

    await eventually_async(done)


async def test_batches_results_and_counts_survive_kill_9(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    name = await gemini.create(displayName="kept")
    await finish(gemini, name)
    before, counts = await gemini.get(name), emulator.state()["requests"]
    emulator.kill()
    emulator.start()
    assert await gemini.get(name) == before
    assert emulator.requests("batches.create") == counts["batches.create"] == 1
    assert emulator.requests("batches.get") == counts["batches.get"] + 1


async def test_an_unfinished_batch_ends_after_the_restart(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    name = await gemini.create()
    emulator.kill()
    emulator.start()
    await finish(gemini, name)
    assert (await gemini.get(name))["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"


@started_with("--retry-schedule", "first=500ms,max=1s,for=1h")
async def test_a_pending_callback_is_delivered_after_the_restart(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    inbox.answers = [503]
    await gemini.create(inbox.url)
    (first,) = await inbox.wait(1)
    await asyncio.to_thread(
        emulator.wait, lambda state: any(row["attempt"] for row in state["deliveries"])
    )
    await asyncio.to_thread(emulator.kill)
    await asyncio.to_thread(emulator.start)
    second = (await inbox.wait(2))[1]
    assert second.headers["webhook-id"] == first.headers["webhook-id"]
    assert second.body == first.body


async def test_signing_keys_survive(emulator: EmulatorProcess, gemini: Gemini) -> None:
    async def keys() -> object:
        async with gemini.session.get(emulator.jwks_url) as answer:
            return await answer.json()

    before = await keys()
    emulator.restart()
    assert await keys() == before


@slow
async def test_an_upload_goes_on_after_its_last_whole_chunk(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    start = {
        "X-Goog-Upload-Protocol": "resumable",
        "X-Goog-Upload-Command": "start",
        "X-Goog-Upload-Header-Content-Length": "8",
    }
    url = f"{emulator.url}/upload/v1beta/files"
    body = {"file": {"name": "files/half", "mime_type": "jsonl"}}
    async with gemini.session.post(url, headers=start, json=body) as answer:
        target = answer.headers["x-goog-upload-url"]
    assert target.startswith(f"{url}/")

    async def chunk(command: str, offset: int, data: bytes) -> tuple[int, str | None]:
        headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
        async with gemini.session.post(target, headers=headers, data=data) as answer:
            return answer.status, answer.headers.get("X-Goog-Upload-Status")

    assert await chunk("upload", 0, b"half") == (200, "active")
    emulator.kill()
    emulator.start()
    assert await chunk("upload, finalize", 0, b"half") == (400, None)
    assert await chunk("upload, finalize", 4, b"done") == (200, "final")
    file = await gemini.get("files/half")
    assert (file["sizeBytes"], file["mimeType"]) == ("8", "jsonl")
    emulator.kill()
    emulator.start()
    assert await gemini.get("files/half") == file
    assert API_KEY not in "".join(
        path.read_text(errors="replace") for path in emulator.state_dir.rglob("*.json")
    )


async def test_a_second_emulator_is_kept_out_of_the_folder(emulator: EmulatorProcess) -> None:
    second = EmulatorProcess(emulator.state_dir)
    second.log = emulator.log.with_name("second.log")
    with pytest.raises(RuntimeError, match="stop the other emulator"):
        second.start()
    second.stop()
