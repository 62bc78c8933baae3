import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.remote.call_limit import Busy
from gemini_operator.controller.transfers import MOST_REST, Direction, Transfer, Transfers
from tests.unit.controller.builders import a_job
from tests.unit.controller.clocks import ManualClock


class Queue:
    """Remembers who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    def add(self, key: Key) -> None:
        self.woken.append(key.name)

    def add_after(self, key: Key, seconds: float) -> None:
        raise AssertionError((key, seconds))


class Work:
    """A transfer that ends when it is told to."""

    def __init__(self) -> None:
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.cancelled = False

    async def __call__(self, transfer: Transfer[str]) -> str:
        transfer.note(5)
        try:
            return await self.end
        except asyncio.CancelledError:
            # The goodbye takes a while.
            await asyncio.sleep(0)
            self.cancelled = True
            raise


def job(name: str, namespace: str = "team-a", uid: str = "") -> Job:
    return a_job(name=name, namespace=namespace, uid=uid or f"uid-{name}")


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def transfers(queue: Queue) -> Transfers:
    return Transfers(queue, ManualClock(), at_a_time=3, per_namespace=2)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_transfer_runs_beside_and_wakes_its_job(transfers: Transfers, queue: Queue) -> None:
    work, one = Work(), job("one")
    transfer = transfers.start(Direction.INPUT, one, "files/a", work, subject="a batch")
    await turns()
    assert await transfers.of(one, "files/a") is transfer
    assert (transfer.done, transfer.moved) == (False, 5)
    assert transfers.subject(one, "files/a") == "a batch"
    assert transfers.subject(one, "files/b") is None
    assert transfers.subject(job("two"), "files/a") is None
    work.end.set_result("done")
    await turns()
    assert queue.woken == ["one"]
    # Until it is in the job's status, which the API server may refuse.
    for _ in range(2):
        assert transfers.take(transfer, one.key) == "done"
        assert await transfers.of(one, "files/a") is transfer
    await transfers.stop(one.key)
    assert await transfers.of(one, "files/a") is None


async def test_what_a_transfer_raises_is_raised_to_its_job(
    transfers: Transfers, queue: Queue
) -> None:
    work, one = Work(), job("one")
    transfer = transfers.start(Direction.INPUT, one, "files/a", work)
    work.end.set_exception(ValueError("no"))
    await turns()
    assert queue.woken == ["one"]
    with pytest.raises(ValueError, match="no"):
        transfers.take(transfer, one.key)
    assert await transfers.of(one, "files/a") is None


@pytest.mark.parametrize(
    ("uid", "what"), [("uid-one", "files/b"), ("another", "files/a")], ids=["file", "object"]
)
async def test_a_transfer_of_something_else_is_stopped(
    uid: str, what: str, transfers: Transfers, queue: Queue
) -> None:
    work = Work()
    transfers.start(Direction.INPUT, job("one"), "files/a", work)
    await turns()
    assert await transfers.of(job("one", uid=uid), what) is None
    assert work.cancelled
    # Nobody waits for the end of what was stopped.
    assert queue.woken == []


async def test_s10_a_namespace_has_its_share_and_others_go_on(
    transfers: Transfers, queue: Queue
) -> None:
    works = {name: Work() for name in ("one", "two", "three", "other", "last")}
    for name in ("one", "two"):
        transfers.start(Direction.INPUT, job(name), "f", works[name])
    with pytest.raises(Busy):
        transfers.start(Direction.INPUT, job("three"), "f", works["three"])
    transfers.start(Direction.INPUT, job("other", "team-b"), "f", works["other"])
    with pytest.raises(Busy):
        transfers.start(Direction.INPUT, job("last", "team-c"), "f", works["last"])
    await turns()
    works["one"].end.set_result("")
    await turns()
    # Its own namespace has waited longer.
    assert queue.woken == ["three", "one"]
    transfers.start(Direction.INPUT, job("three"), "f", works["three"])
    with pytest.raises(Busy):
        transfers.start(Direction.INPUT, job("last", "team-c"), "f", works["last"])
    await transfers.close()


def two_go_and_two_wait(transfers: Transfers, works: list[Work]) -> None:
    """Start the transfers of four jobs of one namespace, which may have two at a time."""
    for number in (0, 1):
        transfers.start(Direction.INPUT, job(f"job-{number}"), "f", works[number])
    for number in (2, 3):
        with pytest.raises(Busy):
            transfers.start(Direction.INPUT, job(f"job-{number}"), "f", works[number])


async def test_a_job_that_stops_waiting_lets_others_go(transfers: Transfers, queue: Queue) -> None:
    works = [Work() for _ in range(5)]
    two_go_and_two_wait(transfers, works)
    await transfers.stop(job("job-2").key)
    await transfers.stop(job("job-0").key)
    assert queue.woken == ["job-3"]
    # Admitted, and gone before it started.
    await transfers.stop(job("job-3").key)
    transfers.start(Direction.INPUT, job("job-4"), "f", works[4])
    await transfers.close()


async def test_a_stop_waits_for_the_goodbye(transfers: Transfers) -> None:
    works = [Work(), Work()]
    for number, work in enumerate(works):
        transfers.start(Direction.INPUT, job(f"job-{number}"), "f", work)
    await turns()
    await transfers.stop(job("job-0").key)
    assert [work.cancelled for work in works] == [True, False]
    await transfers.close()
    assert [work.cancelled for work in works] == [True, True]
    assert len(asyncio.all_tasks()) == 1


async def test_a_stop_of_nothing_is_fine(transfers: Transfers) -> None:
    await transfers.stop(job("one").key)
    unstarted: Transfer[Any] = Transfer(Direction.INPUT, "uid", "f")
    assert not unstarted.done
    with pytest.raises(AssertionError):
        unstarted.result()


async def test_s10_a_turn_that_is_not_used_is_the_next_jobs(
    transfers: Transfers, queue: Queue
) -> None:
    works = [Work() for _ in range(4)]
    two_go_and_two_wait(transfers, works)
    await transfers.stop(job("job-0").key)
    assert queue.woken == ["job-2"]
    transfers.give_up_turn(job("job-1").key)
    assert queue.woken == ["job-2"]
    transfers.give_up_turn(job("job-2").key)
    assert queue.woken == ["job-2", "job-3"]
    # A job that waits goes on waiting.
    with pytest.raises(Busy):
        transfers.start(Direction.INPUT, job("job-2"), "f", works[2])
    transfers.give_up_turn(job("job-2").key)
    transfers.give_up_turn(job("job-3").key)
    assert queue.woken == ["job-2", "job-3", "job-2"]
    await transfers.close()


async def test_s10_a_job_rests_after_a_transfer_that_failed(queue: Queue) -> None:
    clock = ManualClock()
    transfers = Transfers(queue, clock, rests=3.0)
    for name, fails in (("one", True), ("two", False)):
        work, each = Work(), job(name)
        transfer = transfers.start(Direction.INPUT, each, "f", work)
        if fails:
            work.end.set_exception(ValueError("no"))
        else:
            work.end.set_result("")
        await turns()
        with pytest.raises(ValueError, match="no") if fails else nullcontext():
            transfers.take(transfer, each.key)
        assert transfers.rest(each) == (3.0 if fails else 0.0)
    clock.advance(3.0)
    assert transfers.rest(job("one")) == 0


@pytest.mark.parametrize(("took", "rest"), [(1.0, 3.0), (120.0, 120.0), (9000.0, MOST_REST)])
async def test_s10_a_long_copy_that_failed_is_not_all_that_its_job_does(
    queue: Queue, took: float, rest: float
) -> None:
    clock, work, one = ManualClock(), Work(), job("one")
    transfers = Transfers(queue, clock, rests=3.0)
    transfer = transfers.start(Direction.OUTPUT, one, "batches/a", work)
    await turns()
    clock.advance(took)
    work.end.set_exception(ValueError("no"))
    await turns()
    with pytest.raises(ValueError, match="no"):
        transfers.take(transfer, one.key)
    assert transfers.rest(one) == rest
    assert transfers.rest(job("one", uid="another")) == 0
