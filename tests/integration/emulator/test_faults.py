"""Faults as a client meets them."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.emulator_process import EmulatorProcess
from tests.integration.emulator.conftest import Gemini
from tests.waiting import eventually_async


async def jobs(emulator: EmulatorProcess) -> list[Any]:
    found: list[Any] = (await asyncio.to_thread(emulator.state))["jobs"]
    return found


@pytest.mark.parametrize(("when", "executed"), [("before", 0), ("after", 1)])
async def test_a_status_is_answered_before_or_after_the_request_was_executed(
    emulator: EmulatorProcess, gemini: Gemini, when: str, executed: int
) -> None:
    emulator.fault("batches.create", "status", when=when, status=503, headers={"Retry-After": "7"})
    with pytest.raises(AssertionError, match="UNAVAILABLE"):
        await gemini.create()
    assert len(await jobs(emulator)) == executed
    await gemini.create()
    assert len(await jobs(emulator)) == executed + 1
    assert emulator.requests("batches.create") == 2


async def test_a_fault_has_the_body_and_headers_asked_for(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.fault("batches.list", "status", status=502, body="<html>", headers={"X-A": "b"})
    async with gemini.session.get(f"{emulator.url}/v1/batches") as answer:
        assert (answer.status, await answer.text()) == (502, "<html>")
        assert (answer.content_type, answer.headers["X-A"]) == ("text/html", "b")


async def test_a_fault_meets_only_its_route_and_only_so_many_requests(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.fault("batches.l*", "status", count=2, status=429)
    name = await gemini.create()
    await gemini.get(name)
    statuses = [(await gemini.call("GET", "batches"))[0] for _ in range(3)]
    assert statuses == [429, 429, 200]


@pytest.mark.parametrize(("when", "executed"), [("before", 0), ("after", 1)])
async def test_a_connection_is_dropped_before_or_after_the_request_was_executed(
    emulator: EmulatorProcess, gemini: Gemini, when: str, executed: int
) -> None:
    emulator.fault("batches.create", "drop", when=when)
    with pytest.raises(aiohttp.ClientConnectionError):
        await gemini.create()
    assert len(await jobs(emulator)) == executed


async def test_a_delay_delays(emulator: EmulatorProcess, gemini: Gemini) -> None:
    emulator.fault("batches.list", "delay", delaySeconds=0.3)
    begin = time.monotonic()
    assert await gemini.get("batches") == {}
    assert time.monotonic() - begin >= 0.3


async def test_a_truncated_answer_breaks_in_the_middle(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    name = await gemini.create()
    emulator.fault("batches.get", "truncate")
    with pytest.raises(aiohttp.ClientPayloadError):
        await gemini.get(name)
    assert (await gemini.get(name))["name"] == name


@pytest.mark.parametrize("answer", [True, False])
async def test_a_request_held_before_execution_has_had_no_effect(
    emulator: EmulatorProcess, gemini: Gemini, answer: bool
) -> None:
    emulator.fault("batches.create", "hold")
    create = asyncio.ensure_future(gemini.create())
    await asyncio.to_thread(emulator.wait_for_held, "batches.create")
    assert await jobs(emulator) == []
    assert emulator.release(answer=answer) == 1
    if answer:
        name = await create
        assert [job["name"] for job in await jobs(emulator)] == [name]
    else:
        with pytest.raises(aiohttp.ClientConnectionError):
            await create
        assert await jobs(emulator) == []


async def test_a_request_held_after_execution_has_had_its_effect_though_its_client_is_gone(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.fault("batches.create", "hold", when="after")
    create = asyncio.ensure_future(gemini.create())
    await asyncio.to_thread(emulator.wait_for_held, "batches.create")
    create.cancel()
    assert len(await jobs(emulator)) == 1
    emulator.clear_faults()
    await asyncio.to_thread(emulator.wait, lambda state: not state["held"])
    assert len((await gemini.get("batches"))["operations"]) == 1


async def test_an_emulator_with_a_held_request_still_stops(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.fault("batches.create", "hold")
    create = asyncio.ensure_future(gemini.create())
    await asyncio.to_thread(emulator.wait_for_held, "batches.create")
    await asyncio.to_thread(emulator.stop)
    with pytest.raises(aiohttp.ClientConnectionError):
        await create


async def test_a_lagging_list_hides_batches_until_they_are_old_enough(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    emulator.fault("batches.list", "lag", delaySeconds=1)
    name = await gemini.create()
    assert await gemini.get("batches") == {}
    assert (await gemini.get(name))["name"] == name

    async def listed() -> Any:
        return (await gemini.get("batches")).get("operations")

    (operation,) = await eventually_async(listed)
    assert operation["name"] == name


async def test_a_truncated_download_breaks_in_the_middle(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    name = await file_batch(emulator, gemini, lines=200)
    emulator.fault("files.download", "truncate")
    url = f"{emulator.url}/download/v1beta/files/batch-{name.removeprefix('batches/')}:download"
    async with gemini.session.get(url, params={"alt": "media"}) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    async with gemini.session.get(url, params={"alt": "media"}) as answer:
        assert len((await answer.read()).splitlines()) == 200


async def file_batch(emulator: EmulatorProcess, gemini: Gemini, *, lines: int) -> str:
    """Upload, create and wait for the end."""
    line = b'{"key": "k", "request": {"contents": [{"parts": [{"text": "Say hello"}]}]}}\n'
    headers = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}
    url = f"{emulator.url}/upload/v1beta/files"
    async with gemini.session.post(url, headers=headers) as answer:
        target = answer.headers["x-goog-upload-url"]
    headers = {"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"}
    async with gemini.session.post(target, headers=headers, data=line * lines) as answer:
        file = (await answer.json())["file"]["name"]
    body = {"batch": {"input_config": {"file_name": file}}}
    _, created = await gemini.call("POST", "models/gemini-2.5-flash:batchGenerateContent", body)
    name = str(created["name"])

    async def done() -> object:
        return (await gemini.get(name)).get("done")

    await eventually_async(done)
    return name


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ({"route": "batches.get", "action": "explode"}, "action must be one of"),
        ({"route": "batches.get", "action": "drop", "when": "later"}, "when must be one of"),
        ({"action": "drop"}, "route must be"),
        ({"route": "batches.get", "action": "drop", "count": 0}, "count must be"),
        ({"route": "batches.get", "action": "delay", "delaySeconds": -1}, "delaySeconds must be"),
        ({"route": "batches.get", "action": "status", "status": 7}, "status must be"),
        ({"route": "batches.get", "action": "drop", "often": 2}, "Unknown name"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(
    emulator: EmulatorProcess, fault: dict[str, Any], problem: str
) -> None:
    with pytest.raises(AssertionError, match=problem):
        emulator.control("POST", "faults", fault)
