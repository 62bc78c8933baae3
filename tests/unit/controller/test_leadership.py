"""The leader's side, with a clock, a sleep and a candidate that a test moves."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gemini_operator.base import metrics
from gemini_operator.controller.leadership import Leadership
from gemini_operator.kube.errors import ApiServerUnavailable, Conflict, KubeError
from gemini_operator.kube.lease import LeaseTaken
from tests.unit.controller.clocks import ManualClock
from tests.unit.controller.test_leadership_settings import election

DEADLINE = 10.0
HANGS = 3600.0
DOWN = ApiServerUnavailable(0, "NoConnection", "the API server cannot be reached")


class Time(ManualClock):
    """A clock and the sleep that goes by it: `pass_` lets everybody sleep through it, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.monotonic() + seconds, future))
        await future

    async def pass_(self, seconds: float) -> None:
        end = self.monotonic() + seconds
        await self._settle()
        while due := [at for at, _ in self._sleepers if at <= end]:
            self.advance(max(0.0, min(due) - self.monotonic()))
            self._wake()
            await self._settle()
        self.advance(end - self.monotonic())

    def _wake(self) -> None:
        for at, future in tuple(self._sleepers):
            if at <= self.monotonic():
                self._sleepers.remove((at, future))
                if not future.done():
                    future.set_result(None)

    async def _settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class Scripted:
    """A candidate whose every call takes `takes` seconds and then does what `then` says."""

    identity = "me_1"

    def __init__(self, time: Time) -> None:
        self._time = time
        self.holder = ""
        self.takes = 0.0
        self.then: Exception | bool = True
        self.renewals: list[float] = []
        self.released = 0

    async def acquire(self) -> bool:
        return await self._answer()

    async def renew(self) -> None:
        self.renewals.append(self._time.monotonic())
        await self._answer()

    async def release(self) -> None:
        await self._answer()
        self.released += 1

    async def close(self) -> None:
        """Nothing is open."""

    async def _answer(self) -> bool:
        if self.takes:
            await self._time.sleep(self.takes)
        if isinstance(self.then, Exception):
            raise self.then
        return self.then


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def candidate(time: Time) -> Scripted:
    return Scripted(time)


@pytest.fixture
def ends() -> list[int]:
    """The statuses with which the process would have ended."""
    return []


@pytest.fixture
async def leadership(time: Time, candidate: Scripted, ends: list[int]) -> AsyncIterator[Leadership]:
    one = Leadership(candidate, election(), time, end=ends.append, sleep=time.sleep)
    yield one
    candidate.takes, candidate.then = 0.0, True
    await one.release()


async def test_p06_nobody_leads_before_the_lease_is_taken(
    time: Time, candidate: Scripted, leadership: Leadership
) -> None:
    candidate.then, candidate.holder = False, "other_1"
    waiting = asyncio.create_task(leadership.acquire())
    await time.pass_(60)
    assert not waiting.done()
    assert not leadership.valid()
    candidate.then = True
    await time.pass_(1)
    assert waiting.done()
    assert leadership.valid()


@pytest.mark.parametrize("error", [DOWN, Conflict(409, "Conflict", "somebody was quicker")])
async def test_p06_a_standby_outlives_every_failure(
    error: KubeError, time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    candidate.then = error
    waiting = asyncio.create_task(leadership.acquire())
    await time.pass_(600)
    assert not leadership.valid()
    candidate.then = True
    await time.pass_(1)
    assert waiting.done()
    assert ends == []


async def test_p06_the_lease_is_renewed_every_retry_period_and_kept(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    begun = time.monotonic()
    await time.pass_(60)
    assert leadership.valid()
    assert [at - begun for at in candidate.renewals][:4] == [0, 2, 4, 6]
    assert ends == []


@pytest.mark.parametrize("error", [DOWN, Conflict(409, "Conflict", ""), ValueError("a bug")])
async def test_p06_any_failure_is_a_failed_renewal_and_the_deadline_ends_the_process(
    error: Exception, time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    await time.pass_(3)  # renewed at 0 and 2
    candidate.then = error
    await time.pass_(2 + DEADLINE - 3 - 0.1)
    assert leadership.valid()
    assert ends == []
    await time.pass_(0.1)
    assert not leadership.valid()
    assert ends == [1]


async def test_p06_one_success_before_the_deadline_is_enough(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    for _ in range(5):
        candidate.then = DOWN
        await time.pass_(7)
        candidate.then = True
        await time.pass_(2)
    assert leadership.valid()
    assert ends == []


async def test_p06_a_hanging_renewal_ends_the_process_too(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    await time.pass_(1)
    candidate.takes = HANGS
    await time.pass_(DEADLINE - 1)
    assert ends == [1]


async def test_p06_a_renewal_counts_from_the_start_of_its_request(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    """Others may have begun to wait then, although its answer came nine seconds later."""
    candidate.takes = 9.0
    waiting = asyncio.create_task(leadership.acquire())
    await time.pass_(9.5)
    assert waiting.done()
    assert leadership.valid()
    candidate.then = DOWN
    await time.pass_(0.4)
    assert leadership.valid()
    await time.pass_(0.1)
    assert not leadership.valid()
    assert ends == [1]


async def test_p06_another_holder_ends_the_process_at_once(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    candidate.then = LeaseTaken("other_1")
    await time.pass_(2)
    assert ends == [1]


async def test_p06_a_process_that_was_suspended_may_not_act_when_it_wakes(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    """Before any timer has fired: the clock alone decides."""
    await leadership.acquire()
    await time.pass_(1)
    time.advance(DEADLINE)
    assert not leadership.valid()
    assert ends == []
    candidate.then = LeaseTaken("other_1")
    await time.pass_(0.25)
    assert 1 in ends


async def test_p06_release_stops_acting_first(
    time: Time, candidate: Scripted, leadership: Leadership
) -> None:
    await leadership.acquire()
    await time.pass_(1)
    candidate.takes = 1.0
    releasing = asyncio.create_task(leadership.release())
    await time.pass_(0)
    assert not leadership.valid()
    assert candidate.released == 0
    await time.pass_(1)
    assert releasing.done()
    assert candidate.released == 1


async def test_p06_after_a_release_nothing_renews_and_nothing_ends_the_process(
    time: Time, candidate: Scripted, leadership: Leadership, ends: list[int]
) -> None:
    await leadership.acquire()
    await time.pass_(1)
    await leadership.release()
    renewals = len(candidate.renewals)
    await time.pass_(600)
    assert len(candidate.renewals) == renewals
    assert ends == []


async def test_p06_a_lease_that_cannot_be_given_back_is_left_to_expire(
    candidate: Scripted, leadership: Leadership
) -> None:
    await leadership.acquire()
    candidate.then = DOWN
    await leadership.release()
    assert not leadership.valid()


async def test_p06_whoever_stops_while_waiting_gives_back_what_it_may_have(
    time: Time, candidate: Scripted, leadership: Leadership
) -> None:
    """Its last claim may have arrived although nobody waited for the answer."""
    candidate.takes = HANGS
    waiting = asyncio.create_task(leadership.acquire())
    await time.pass_(1)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    candidate.takes = 0.0
    await leadership.release()
    assert candidate.released == 1


async def test_the_metric_is_1_for_the_leader_alone(
    time: Time, candidate: Scripted, leadership: Leadership
) -> None:
    def leading() -> float | None:
        return metrics.CONTROLLER.get_sample_value("gemini_operator_leader")

    candidate.then = False
    waiting = asyncio.create_task(leadership.acquire())
    await time.pass_(5)
    assert leading() == 0
    candidate.then = True
    await time.pass_(1)
    assert waiting.done()
    assert leading() == 1
    await leadership.release()
    assert leading() == 0
