"""The routes under /emulator/, and who may use them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.emulator_process import EmulatorProcess
from tests.integration.emulator.conftest import Gemini, Inbox, started_with
from tests.program import PROGRAM

TOKEN = "a-token-for-control"


async def test_state_shows_jobs_files_requests_and_deliveries(
    emulator: EmulatorProcess, gemini: Gemini, inbox: Inbox
) -> None:
    name = await gemini.create(inbox.url, displayName="shown")
    await inbox.wait(1)
    state = emulator.state()
    (job,) = state["jobs"]
    assert job["name"] == name
    assert job["displayName"] == "shown"
    assert job["state"] == "BATCH_STATE_SUCCEEDED"
    assert (job["uris"], job["userMetadata"]) == ([inbox.url], {"job_uid": "u-1"})
    assert state["files"] == []
    assert state["requests"] == {"batches.create": 1}
    (delivery,) = state["deliveries"]
    assert (delivery["job"], delivery["type"]) == (name, "batch.succeeded")
    assert (delivery["uri"], delivery["attempt"]) == (inbox.url, 1)


@started_with("--schedule", "pending=1h,running=1h")
async def test_a_job_that_was_deleted_is_still_shown_as_such(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    """What was created and may be billed can be counted, whatever became of it."""
    name = await gemini.create(displayName="deleted")
    emulator.job(name, "cancel")
    await gemini.call("DELETE", name)
    state = emulator.state()
    assert state["jobs"] == []
    (job,) = state["deletedJobs"]
    assert (job["name"], job["displayName"]) == (name, "deleted")
    assert job["state"] == "BATCH_STATE_CANCELLED"
    assert job["endTime"] >= job["createTime"]
    emulator.reset()
    assert emulator.state()["deletedJobs"] == []


@started_with("--schedule", "pending=1h,running=1h")
@pytest.mark.parametrize(
    ("action", "state", "code"),
    [
        ("succeed", "SUCCEEDED", None),
        ("fail", "FAILED", 13),
        ("expire", "EXPIRED", 4),
        ("cancel", "CANCELLED", 1),
    ],
)
async def test_a_job_ends_as_it_is_told(
    emulator: EmulatorProcess, gemini: Gemini, action: str, state: str, code: int | None
) -> None:
    name = await gemini.create()
    emulator.job(name.removeprefix("batches/"), action)
    operation = await gemini.get(name)
    assert operation["metadata"]["state"] == f"BATCH_STATE_{state}"
    assert operation["done"] is True
    assert operation.get("error", {}).get("code") == code
    assert ("response" in operation) == (action == "succeed")
    with pytest.raises(AssertionError, match="has ended"):
        emulator.job(name, action)


@started_with("--schedule", "pending=300ms,running=1ms")
async def test_a_job_that_hangs_stays_while_others_end(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    hanging = await gemini.create()
    emulator.job(hanging, "hang")
    other = await gemini.create()
    emulator.wait(
        lambda state: {job["name"]: job["state"] for job in state["jobs"]}[other].endswith("EEDED")
    )
    assert "done" not in await gemini.get(hanging)
    emulator.job(hanging, "succeed")
    assert (await gemini.get(hanging))["done"] is True


async def test_reset_forgets_everything_but_the_keys(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    await gemini.create()
    emulator.fault("batches.list", "status", count=None)
    emulator.reset()
    state = emulator.state()
    assert state == {key: type(value)() for key, value in state.items()}
    assert await gemini.get("batches") == {}
    emulator.restart()
    assert emulator.requests("batches.list") == 1
    assert emulator.requests("batches.create") == 0


def test_unknown_jobs_deliveries_and_actions_are_refused(emulator: EmulatorProcess) -> None:
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        emulator.job("nothere", "fail")
    with pytest.raises(AssertionError, match="NOT_FOUND"):
        emulator.control("POST", "deliveries/msg_no", {})


async def test_s24_a_web_page_with_a_name_of_its_own_gets_nothing(
    emulator: EmulatorProcess, gemini: Gemini
) -> None:
    url = f"{emulator.url}/emulator/state"
    async with gemini.session.get(url, headers={"Host": "rebound.example"}) as answer:
        assert answer.status == 403


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[EmulatorProcess]:
    """An emulator that listens on every address."""
    arguments = ("--host", "0.0.0.0", "--control-token", TOKEN)
    with EmulatorProcess(tmp_path / "state", *arguments) as process:
        yield process


@pytest.mark.parametrize(
    ("authorization", "status"),
    [(f"Bearer {TOKEN}", 200), (f"Bearer {TOKEN}x", 401), (TOKEN, 401), ("", 401)],
)
async def test_s24_off_loopback_control_needs_the_token(
    guarded: EmulatorProcess, authorization: str, status: int
) -> None:
    async with aiohttp.ClientSession() as session:
        headers = {"Authorization": authorization}
        url = f"{guarded.url}/emulator/state"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == status


def test_s24_off_loopback_without_a_token_it_does_not_start() -> None:
    result = subprocess.run(
        [PROGRAM, "emulator", "--host", "0.0.0.0", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert "--control-token" in result.stderr
