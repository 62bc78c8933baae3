import asyncio
import itertools
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Key
from gemini_operator.controller.workqueue import BACKOFF_BASE, BACKOFF_CAP, KeyedQueue
from tests.unit.controller.clocks import ManualClock

A1, A2, A3 = (Key("team-a", name) for name in "123")
B1 = Key("team-b", "1")
C1 = Key("team-c", "1")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> KeyedQueue:
    return KeyedQueue(clock, random.Random(0))


async def waiting(queue: KeyedQueue) -> list[Key]:
    """All keys that are handed out now, each reconcile ended at once."""
    keys = []
    while (key := await now(queue)) is not None:
        keys.append(key)
        queue.done(key)
    return keys


async def now(queue: KeyedQueue) -> Key | None:
    """The next key, or None if there is none to be had without waiting."""
    getting = asyncio.ensure_future(queue.get())
    for _ in range(3):
        await asyncio.sleep(0)
    if getting.done():
        return getting.result()
    getting.cancel()
    return None


def add_all(queue: KeyedQueue, keys: Iterable[Key]) -> None:
    for key in keys:
        queue.add(key)


async def test_keys_of_a_namespace_come_in_the_order_in_which_they_were_added(
    queue: KeyedQueue,
) -> None:
    add_all(queue, [A2, A1, A3])
    assert await waiting(queue) == [A2, A1, A3]


async def test_s10_namespaces_take_turns(queue: KeyedQueue) -> None:
    """However many jobs one of them has."""
    many = [Key("team-a", str(number)) for number in range(100)]
    add_all(queue, [*many, B1, C1])
    assert (await waiting(queue))[:5] == [many[0], B1, C1, many[1], many[2]]


async def test_s10_a_namespace_that_comes_back_goes_to_the_end_of_the_round(
    queue: KeyedQueue,
) -> None:
    add_all(queue, [A1, A2, B1])
    first = await queue.get()
    assert first == A1
    queue.add(Key("team-a", "4"))
    add_all(queue, [C1])
    assert await now(queue) == B1
    assert await now(queue) == A2
    assert await now(queue) == C1


async def test_duplicates_collapse(queue: KeyedQueue) -> None:
    add_all(queue, [A1, B1, A1, A1])
    assert queue.depth == 2
    assert await waiting(queue) == [A1, B1]


async def test_a_key_is_reconciled_once_at_a_time_and_again_afterwards(
    queue: KeyedQueue,
) -> None:
    queue.add(A1)
    assert await queue.get() == A1
    add_all(queue, [A1, A1])
    assert await now(queue) is None
    queue.done(A1)
    assert await now(queue) == A1
    queue.done(A1)
    assert await now(queue) is None


async def test_a_delayed_key_comes_when_its_time_has_come(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.add_after(A1, 10.0)
    clock.advance(9.9)
    assert await now(queue) is None
    clock.advance(0.1)
    assert await waiting(queue) == [A1]


async def test_a_delay_that_is_no_delay_is_now(queue: KeyedQueue) -> None:
    queue.add_after(A1, 0.0)
    queue.add_after(B1, -5.0)
    assert set(await waiting(queue)) == {A1, B1}


@pytest.mark.parametrize("delays", [(5.0, 10.0), (10.0, 5.0), (10.0, 5.0, 7.0)])
async def test_of_several_delays_the_shortest_counts(
    queue: KeyedQueue, clock: ManualClock, delays: tuple[float, ...]
) -> None:
    for delay in delays:
        queue.add_after(A1, delay)
    clock.advance(5.0)
    assert await waiting(queue) == [A1]
    clock.advance(100.0)
    assert await waiting(queue) == [], "and the others are used up by it"


async def test_an_immediate_reconcile_uses_up_the_delay(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.add_after(A1, 5.0)
    queue.add(A1)
    assert await waiting(queue) == [A1]
    clock.advance(5.0)
    assert await waiting(queue) == []


async def test_a_delay_for_a_key_that_waits_already_is_not_needed(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.add(A1)
    queue.add_after(A1, 5.0)
    assert await waiting(queue) == [A1]
    clock.advance(5.0)
    assert await waiting(queue) == []


async def test_a_delay_that_ends_during_the_reconcile_causes_another_one(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.add(A1)
    assert await queue.get() == A1
    queue.add_after(A1, 1.0)
    clock.advance(1.0)
    assert await now(queue) is None
    queue.done(A1)
    assert await now(queue) == A1


async def test_a_call_comes_when_its_time_has_come(queue: KeyedQueue, clock: ManualClock) -> None:
    queue.call_after(2.0, lambda: queue.add(A1))
    clock.advance(1.9)
    assert await now(queue) is None
    clock.advance(0.1)
    assert await waiting(queue) == [A1]
    clock.advance(10.0)
    assert await waiting(queue) == []


def fail(queue: KeyedQueue, clock: ManualClock, times: int) -> list[float]:
    """So many reconciles of A1, each when it was due, and all failed; returns their delays."""
    delays = []
    for _ in range(times):
        delays.append(queue.back_off(A1))
        clock.advance(delays[-1])
    return delays


async def test_a_failing_key_waits_longer_each_time_up_to_a_cap(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    delays = fail(queue, clock, 12)
    ceilings = [min(BACKOFF_CAP, BACKOFF_BASE * 2**tries) for tries in range(12)]
    assert all(c / 2 <= d <= c for c, d in zip(ceilings, delays, strict=True))
    assert ceilings[-1] == BACKOFF_CAP


async def test_the_back_off_is_jittered(clock: ManualClock) -> None:
    """So that a hundred jobs that failed together do not come again together."""
    delays = {KeyedQueue(clock, random.Random(seed)).back_off(A1) for seed in range(20)}
    assert len(delays) == 20


async def test_an_early_reconcile_that_fails_does_not_lengthen_the_back_off(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    """The watch events of a failed reconcile's writes cause the next one at once."""
    first = queue.back_off(A1)
    for _ in range(20):
        clock.advance(first / 40)
        queue.add(A1)
        assert await now(queue) == A1
        left = queue.back_off(A1)
        queue.done(A1)
    assert left == pytest.approx(first / 2)
    clock.advance(first / 2)
    assert await now(queue) == A1
    assert queue.back_off(A1) <= 2 * BACKOFF_BASE


async def test_each_key_backs_off_for_itself(queue: KeyedQueue, clock: ManualClock) -> None:
    fail(queue, clock, 10)
    assert queue.back_off(A2) <= BACKOFF_BASE


async def test_a_successful_reconcile_ends_the_back_off(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    fail(queue, clock, 10)
    queue.forget(A1)
    assert queue.back_off(A1) <= BACKOFF_BASE


async def test_a_backed_off_key_comes_when_it_said(queue: KeyedQueue, clock: ManualClock) -> None:
    delay = queue.back_off(A1)
    clock.advance(delay - 0.001)
    assert await now(queue) is None
    clock.advance(0.002)
    assert await now(queue) == A1


async def test_the_echo_of_our_own_write_does_not_end_the_back_off(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    """The watch may show a write before its answer comes."""
    queue.add(A1)
    assert await now(queue) == A1
    queue.add(A1, version=7)
    queue.acknowledge(A1, 7)
    delay = queue.back_off(A1)
    queue.done(A1)
    assert await now(queue) is None
    clock.advance(delay)
    assert await now(queue) == A1


@pytest.mark.parametrize("other", [None, 6, 8])
async def test_the_change_of_somebody_else_ends_it(queue: KeyedQueue, other: int | None) -> None:
    """A version that was no answer of ours, or a wake-up without one."""
    queue.add(A1)
    assert await now(queue) == A1
    queue.add(A1, version=other)
    queue.add(A1, version=7)
    queue.acknowledge(A1, 7)
    queue.back_off(A1)
    queue.done(A1)
    assert await now(queue) == A1


async def test_an_echo_leaves_an_earlier_delay_in_place(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.add(A1)
    assert await now(queue) == A1
    queue.add_after(A1, 5.0)
    queue.add(A1, version=7)
    queue.acknowledge(A1, 7)
    queue.done(A1)
    clock.advance(5.0)
    assert await waiting(queue) == [A1]


async def test_a_change_that_is_queued_already_is_reconciled(queue: KeyedQueue) -> None:
    queue.add(A1, version=7)
    queue.acknowledge(A1, 7)
    assert await waiting(queue) == [A1]


@pytest.mark.parametrize("seconds", [0.0, 90.0])
async def test_a_server_that_asks_for_more_time_gets_it(
    queue: KeyedQueue, clock: ManualClock, seconds: float
) -> None:
    """Retry-After is the least, never the most."""
    delay = queue.back_off(A1, at_least=seconds)
    assert delay >= seconds
    clock.advance(delay - 0.001)
    assert await now(queue) is None
    clock.advance(0.002)
    assert await now(queue) == A1


async def test_p05_nothing_delayed_is_wanted_of_an_object_that_is_gone(
    queue: KeyedQueue, clock: ManualClock
) -> None:
    queue.back_off(A1)
    queue.add_after(B1, 1.0)
    queue.drop(A1)
    clock.advance(BACKOFF_CAP)
    assert await waiting(queue) == [B1]
    assert queue.back_off(A1) <= BACKOFF_BASE


async def test_a_worker_that_waits_is_woken_by_a_key(queue: KeyedQueue) -> None:
    getting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add(A1)
    assert await asyncio.wait_for(getting, 5) == A1


async def test_a_key_wakes_one_of_many_idle_workers(clock: ManualClock) -> None:
    """64 that look for it would cost more than its reconcile."""
    queue, looks = KeyedQueue(clock), 0
    fire = queue._fire

    def looked() -> None:
        nonlocal looks
        looks += 1
        fire()

    queue._fire = looked  # type: ignore[method-assign]
    workers = [asyncio.ensure_future(queue.get()) for _ in range(64)]
    await asyncio.sleep(0)
    looks = 0
    for name in range(10):
        queue.add(Key("team", str(name)))
        await asyncio.sleep(0.001)
    assert sum(worker.done() for worker in workers) == 10
    assert looks <= 2 * 10
    queue.close()
    await asyncio.wait_for(asyncio.gather(*workers), 5)


async def test_a_worker_that_is_cancelled_leaves_the_queue_to_the_others(
    queue: KeyedQueue,
) -> None:
    first, second = (asyncio.ensure_future(queue.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    queue.add(A1)
    assert await asyncio.wait_for(second, 5) == A1


async def test_every_waiting_worker_gets_a_key(queue: KeyedQueue) -> None:
    workers = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    add_all(queue, [A1, B1, C1])
    assert set(await asyncio.wait_for(asyncio.gather(*workers), 5)) == {A1, B1, C1}


async def test_a_worker_that_waits_sleeps_until_the_next_delay() -> None:
    queue = KeyedQueue(RealTime())
    queue.add_after(A1, 0.02)
    assert await asyncio.wait_for(queue.get(), 5) == A1


async def test_a_shorter_delay_wakes_a_worker_that_sleeps_for_a_longer_one() -> None:
    queue = KeyedQueue(RealTime())
    queue.add_after(A1, 60.0)
    getting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add_after(B1, 0.01)
    assert await asyncio.wait_for(getting, 5) == B1


async def test_a_closed_queue_hands_out_nothing_and_frees_its_workers(queue: KeyedQueue) -> None:
    workers = [asyncio.ensure_future(queue.get()) for _ in range(2)]
    await asyncio.sleep(0)
    queue.close()
    assert await asyncio.wait_for(asyncio.gather(*workers), 5) == [None, None]
    queue.add(A1)
    assert await queue.get() is None


KEYS = st.builds(Key, st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2", "3"]))


@given(st.lists(KEYS, max_size=40))
async def test_nothing_that_was_added_is_lost_and_nothing_comes_twice(keys: list[Key]) -> None:
    queue = KeyedQueue(ManualClock())
    add_all(queue, keys)
    assert queue.depth == len(set(keys))
    assert sorted(await waiting(queue)) == sorted(set(keys))


@given(st.lists(KEYS, min_size=1, max_size=40))
async def test_s10_no_namespace_gets_two_turns_before_another_that_waits_gets_one(
    keys: list[Key],
) -> None:
    queue = KeyedQueue(ManualClock())
    add_all(queue, keys)
    order = [key.namespace for key in await waiting(queue)]
    left = {name: order.count(name) for name in order}
    for before, after in itertools.pairwise(order):
        left[before] -= 1
        assert before != after or sum(left.values()) == left[after]


@given(st.lists(st.tuples(KEYS, st.floats(0, 100)), max_size=30))
async def test_every_delay_ends_at_its_time(delays: list[tuple[Key, float]]) -> None:
    clock = ManualClock()
    queue = KeyedQueue(clock)
    shortest: dict[Key, float] = {}
    for key, delay in delays:
        queue.add_after(key, delay)
        shortest[key] = min(delay, shortest.get(key, delay))
    clock.advance(50.0)
    early = await waiting(queue)
    assert set(early) == {key for key, delay in shortest.items() if delay <= 50.0}
    clock.advance(50.0)
    assert sorted(early + await waiting(queue)) == sorted(shortest)


class RealTime(ManualClock):
    """The event loop's own time, for tests of what sleeps."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


async def test_p23_a_delay_without_end_is_no_timer(queue: KeyedQueue, clock: ManualClock) -> None:
    """Jobs that wait for quota come back when they are woken."""
    queue.add_after(A1, float("inf"))
    assert queue._timers == []
    clock.advance(1e9)
    assert await waiting(queue) == []
    queue.add(A1)
    assert await waiting(queue) == [A1]
