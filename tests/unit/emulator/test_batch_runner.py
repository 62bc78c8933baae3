"""The life of a batch, with a clock that the test moves."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gemini_emulator.batch_runner import BatchRunner
from gemini_emulator.batches import Batch, BatchStore, as_full_operation, as_operation
from gemini_emulator.create_request import CreateRequest
from gemini_emulator.errors import ApiError
from gemini_emulator.result_options import DefaultOptions
from gemini_emulator.result_serving import failing_download, results_hidden
from gemini_emulator.schedule import Schedule

from .conftest import ManualClock

REQUESTS = tuple(
    {"request": {"contents": [{"parts": [{"text": text}]}]}} for text in ("one", "[[fail]]")
)
INLINE = CreateRequest(
    kind="GenerateContent", model="models/m", requests=REQUESTS, uris=("http://h/x",)
)
FILE = CreateRequest(kind="GenerateContent", model="models/m", file_id="in")


class World:
    """A batch runner on a folder, with the input files and the announcements that the test sees."""

    def __init__(self, root: Path, clock: ManualClock) -> None:
        self.root = root
        self.clock = clock
        self.inputs: dict[str, Path] = {}
        self.announced: list[tuple[str, str]] = []
        self.dies_announcing = False
        self.runner = self.start()

    def start(self) -> BatchRunner:
        """Start anew from what is on disk."""
        self.runner = BatchRunner(
            BatchStore(self.root / "batches"),
            schedule=Schedule(pending=10, running=20),
            clock=self.clock,
            input_path=lambda project, file_id: self.inputs.get(f"{project}/{file_id}"),
            announce=self.announce,
            max_open=3,
            default_options=DefaultOptions(self.root / "results.json"),
        )
        return self.runner

    def announce(self, batch: Batch) -> None:
        if self.dies_announcing:
            raise RuntimeError(batch.name)
        self.announced.append((batch.name, batch.state))

    async def after(self, seconds: float, batch: Batch) -> Any:
        """Let time pass; answers with the batch as the API shows it."""
        self.clock.advance(seconds)
        await self.runner.advance()
        batch = self.runner.batches.find(batch.project, batch.id)
        return as_full_operation(batch, self.runner.batches.results(batch))

    def give_input(self, *lines: str) -> None:
        path = self.root / "input"
        path.write_text("\n".join(lines))
        self.inputs["demo/in"] = path


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> World:
    return World(tmp_path, clock)


async def test_a_batch_follows_the_schedule(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    assert (await world.after(9, batch))["metadata"]["state"] == "BATCH_STATE_PENDING"
    running = await world.after(1, batch)
    assert running["metadata"]["state"] == "BATCH_STATE_RUNNING"
    assert "done" not in running
    assert (await world.after(19, batch))["metadata"]["state"] == "BATCH_STATE_RUNNING"
    ended = await world.after(1, batch)
    assert ended["metadata"]["state"] == "BATCH_STATE_SUCCEEDED"
    assert ended["metadata"]["batchStats"] == {
        "requestCount": "2",
        "successfulRequestCount": "1",
        "failedRequestCount": "1",
    }
    assert world.announced == [(batch.name, "BATCH_STATE_SUCCEEDED")]


async def test_a_restart_goes_on_where_the_schedule_was(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    await world.after(10, batch)
    world.start()
    assert (await world.after(19, batch))["metadata"]["state"] == "BATCH_STATE_RUNNING"
    assert (await world.after(1, batch))["done"] is True


async def test_a_long_absence_is_caught_up_with(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    world.start()
    await world.after(3600, batch)
    assert (await world.after(0, batch))["done"] is True


async def test_the_counts_of_a_file_are_known_once_it_is_read(world: World) -> None:
    world.give_input('{"key": "a", "request": {"contents": [{"parts": [{"text": "one"}]}]}}', "")
    batch = world.runner.create("demo", FILE)
    assert "batchStats" not in as_operation(batch)["metadata"]
    running = await world.after(10, batch)
    assert running["metadata"]["batchStats"] == {"requestCount": "1", "pendingRequestCount": "1"}
    ended = await world.after(20, batch)
    assert ended["response"]["responsesFile"] == f"files/batch-{batch.id}"
    assert len(f"batch-{batch.id}") > 40
    (line,) = world.runner.batches.results(batch).read_text().splitlines()
    assert json.loads(line)["key"] == "a"


async def test_a_file_that_is_gone_when_it_is_needed_fails_the_batch(world: World) -> None:
    world.give_input('{"request": {"contents": [{"parts": [{"text": "one"}]}]}}')
    batch = world.runner.create("demo", FILE)
    world.inputs.clear()
    await world.after(10, batch)
    ended = await world.after(20, batch)
    assert ended["error"]["code"] == 5
    assert "response" not in ended


async def test_a_bad_line_fails_the_batch_and_is_named(world: World) -> None:
    world.give_input("nonsense")
    batch = world.runner.create("demo", FILE)
    await world.after(10, batch)
    assert "line 1" in (await world.after(20, batch))["error"]["message"]
    assert not world.runner.batches.results(batch).exists()


def test_another_projects_file_is_no_input(world: World) -> None:
    world.give_input('{"request": {"contents": [{"parts": [{"text": "one"}]}]}}')
    with pytest.raises(ApiError) as caught:
        world.runner.create("other", FILE)
    assert caught.value.code == 404


async def test_the_number_of_open_batches_is_limited_per_project(world: World) -> None:
    batches = [world.runner.create("demo", INLINE) for _ in range(3)]
    with pytest.raises(ApiError) as caught:
        world.runner.create("demo", INLINE)
    assert caught.value.status == "RESOURCE_EXHAUSTED"
    world.runner.create("other", INLINE)
    world.runner.cancel(batches[0])
    world.runner.create("demo", INLINE)


async def test_a_cancelled_batch_stays_cancelled(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    world.runner.cancel(batch)
    world.runner.cancel(batch)
    ended = await world.after(3600, batch)
    assert ended["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert (ended["error"]["code"], ended["done"]) == (1, True)
    assert world.announced == [(batch.name, "BATCH_STATE_CANCELLED")]


async def test_a_cancel_after_the_end_changes_nothing(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    await world.runner.force(batch, "succeed")
    world.runner.cancel(batch)
    assert batch.state == "BATCH_STATE_SUCCEEDED"
    assert len(world.announced) == 1


async def test_a_removed_batch_is_not_announced(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    world.runner.batches.remove(batch)
    for action in ("hang", "succeed", "fail"):
        await world.runner.force(batch, action)
    assert world.announced == []
    assert list(world.start().batches) == []


async def test_a_batch_removed_while_it_starts_stays_removed(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    world.clock.advance(10)
    starting = asyncio.ensure_future(world.runner.advance())
    await asyncio.sleep(0)
    world.runner.batches.remove(batch)
    await starting
    assert list(world.start().batches) == []


async def test_a_batch_cancelled_while_it_runs_stays_cancelled(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    await world.after(10, batch)
    world.clock.advance(20)
    finishing = asyncio.ensure_future(world.runner.advance())
    await asyncio.sleep(0)
    world.runner.cancel(batch)
    await finishing
    assert as_operation(batch)["metadata"]["state"] == "BATCH_STATE_CANCELLED"
    assert batch.succeeded == 0


async def test_a_batch_that_hangs_never_moves_by_itself(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    await world.runner.force(batch, "hang")
    world.start()
    assert (await world.after(10**6, batch))["metadata"]["state"] == "BATCH_STATE_PENDING"


async def test_an_end_that_a_killed_process_did_not_announce_is_announced(world: World) -> None:
    batch = world.runner.create("demo", INLINE)
    world.dies_announcing = True
    with pytest.raises(RuntimeError):
        await world.runner.force(batch, "fail")
    world.dies_announcing = False
    runner = world.start()
    runner.announce_missed()
    runner.announce_missed()
    assert world.announced == [(batch.name, "BATCH_STATE_FAILED")]
    world.start().announce_missed()
    assert len(world.announced) == 1


async def test_a_batch_without_addresses_is_announced_too(world: World) -> None:
    batch = world.runner.create("demo", replace(INLINE, uris=()))
    world.dies_announcing = True
    with pytest.raises(RuntimeError):
        await world.runner.force(batch, "expire")
    world.dies_announcing = False
    world.start().announce_missed()
    assert world.announced == [(batch.name, "BATCH_STATE_EXPIRED")]


async def test_results_look_as_the_options_of_all_batches_say(world: World) -> None:
    world.runner.default_options.set({"order": "reversed", "stats": {"requestCount": 7}})
    batch = world.runner.create("demo", INLINE)
    world.start()
    await world.runner.force(world.runner.batches.find("demo", batch.id), "succeed")
    ended = await world.after(0, batch)
    first, second = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert ("error" in first, "response" in second) == (True, True)
    assert ended["metadata"]["batchStats"]["requestCount"] == "7"


async def test_the_options_of_a_batch_come_before_those_of_all(world: World) -> None:
    world.runner.default_options.set({"rows": [{"form": "missing"}], "late": {"reads": 2}})
    batch = world.runner.create("demo", INLINE)
    batch.result_options = {"rows": [{"form": "blocked"}]}
    await world.runner.force(batch, "succeed")
    ended = await world.after(0, batch)
    rows = ended["response"]["inlinedResponses"]["inlinedResponses"]
    assert ["promptFeedback" in row["response"] for row in rows] == [True, True]
    assert batch.hidden_reads == 0


async def test_late_results_are_hidden_for_reads_and_for_a_time(
    world: World, clock: ManualClock
) -> None:
    world.runner.default_options.set({"late": {"reads": 2, "seconds": 60}})
    batch = world.runner.create("demo", INLINE)
    await world.runner.force(batch, "succeed")
    batches = world.start().batches
    batch = batches.find("demo", batch.id)
    assert [results_hidden(batch, batches, clock()) for _ in range(2)] == [True, True]
    assert batches.find("demo", batch.id).hidden_reads == 0
    assert results_hidden(batch, batches, clock() + 59)
    assert not results_hidden(batch, batches, clock() + 60)


async def test_downloads_fail_as_often_as_asked(world: World) -> None:
    world.runner.default_options.set({"download": {"status": 503, "count": 2}})
    world.give_input('{"request": {"contents": [{"parts": [{"text": "one"}]}]}}')
    batch = world.runner.create("demo", FILE)
    await world.runner.force(batch, "succeed")
    batches = world.runner.batches
    for _ in range(2):
        answer = failing_download(batch, batches)
        assert answer is not None
        assert (answer.status, answer.content_type) == (503, "text/html")
    assert failing_download(batch, batches) is None


def test_a_wrong_line_of_the_input_is_found_before_the_batch_is_created(world: World) -> None:
    world.give_input('{"request": {"prompt": 1}}')
    with pytest.raises(ApiError, match=r"Error on line 1: .*no such field: 'prompt'"):
        world.runner.check_input("demo", FILE)
    world.inputs.clear()
    world.runner.check_input("demo", FILE)
    world.runner.check_input("demo", INLINE)
