import asyncio

import pytest

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.jwks.store import JwksError, JwksStore, KeysUnavailable, Policy
from gemini_operator.receiver.signatures.keys import KeySet
from tests.deliveries import Signer, jwks

POLICY = Policy()
OLD = parse(jwks(Signer(b"\x01" * 32)))
NEW = parse(jwks(Signer(b"\x02" * 32)))


class Publisher:
    """Google's side: publishes a key set, or fails while it is None; counts who asks."""

    def __init__(self, keys: KeySet | None) -> None:
        self.keys = keys
        self.fetches = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> KeySet:
        self.fetches += 1
        await self.open.wait()
        if self.keys is None:
            raise JwksError("the answer's status is 503")
        return self.keys


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def warm(publisher: Publisher, clock: Clock) -> JwksStore:
    store = JwksStore(publisher, clock=clock)
    await store.warm()
    return store


async def test_keys_are_fetched_when_they_are_first_needed(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = JwksStore(publisher, clock=clock)
    assert publisher.fetches == 0
    assert await store.current() is OLD
    assert publisher.fetches == 1


@pytest.mark.row(119)
async def test_fresh_keys_are_not_fetched_again(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = NEW
    clock.now += POLICY.ttl
    assert await store.current() is OLD
    assert publisher.fetches == 1


@pytest.mark.row(127)
async def test_a_revoked_key_is_gone_after_the_time_to_live(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = NEW
    clock.now += POLICY.ttl + 1
    assert await store.current() is NEW


@pytest.mark.row(120)
async def test_old_keys_outlive_an_outage_of_a_day_and_no_longer(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = None
    clock.now += POLICY.stale
    assert await store.current() is OLD
    clock.now += POLICY.max_backoff
    with pytest.raises(KeysUnavailable):
        await store.current()


async def test_without_any_keys_the_wait_is_the_back_off(clock: Clock) -> None:
    publisher = Publisher(None)
    store = JwksStore(publisher, clock=clock)
    waits = []
    for _ in range(9):
        with pytest.raises(KeysUnavailable) as unavailable:
            await store.current()
        waits.append(unavailable.value.retry_after)
        clock.now += unavailable.value.retry_after
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.row(123)
async def test_a_failing_publisher_is_asked_once_for_each_back_off(clock: Clock) -> None:
    publisher = Publisher(None)
    store = JwksStore(publisher, clock=clock)
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            await store.current()
    assert publisher.fetches == 1


async def test_a_success_ends_the_back_off(clock: Clock) -> None:
    publisher = Publisher(None)
    store = JwksStore(publisher, clock=clock)
    for _ in range(4):
        with pytest.raises(KeysUnavailable):
            await store.current()
        clock.now += POLICY.max_backoff
    publisher.keys = OLD
    assert await store.current() is OLD
    publisher.keys = None
    clock.now += POLICY.stale + 1
    with pytest.raises(KeysUnavailable) as unavailable:
        await store.current()
    assert unavailable.value.retry_after == POLICY.first_backoff


async def test_one_fetch_serves_all_who_wait(clock: Clock) -> None:
    publisher = Publisher(OLD)
    publisher.open.clear()
    store = JwksStore(publisher, clock=clock)
    waiting = [asyncio.create_task(store.current()) for _ in range(50)]
    await asyncio.sleep(0)
    publisher.open.set()
    assert await asyncio.gather(*waiting) == [OLD] * 50
    assert publisher.fetches == 1


async def test_who_gives_up_waiting_does_not_end_the_fetch_of_the_others(clock: Clock) -> None:
    publisher = Publisher(OLD)
    publisher.open.clear()
    store = JwksStore(publisher, clock=clock)
    impatient = asyncio.create_task(store.current())
    patient = asyncio.create_task(store.current())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    publisher.open.set()
    assert await patient is OLD
    assert publisher.fetches == 1


async def test_a_rotation_is_noticed_at_the_first_mismatch(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = NEW
    assert await store.newer(OLD) is NEW
    assert await store.current() is NEW


async def test_s20_forged_signatures_cause_one_fetch_for_each_cooldown(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    await store.newer(await store.current())
    for _ in range(1000):
        with pytest.raises(KeysUnavailable) as unavailable:
            await store.newer(await store.current())
        assert unavailable.value.retry_after == POLICY.cooldown
    assert publisher.fetches == 2
    clock.now += POLICY.cooldown
    await store.newer(await store.current())
    assert publisher.fetches == 3


async def test_a_mismatch_with_replaced_keys_needs_no_fetch(clock: Clock) -> None:
    """Another delivery has fetched newer keys while this one was checked with the old ones."""
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = NEW
    assert await store.newer(OLD) is NEW
    assert await store.newer(OLD) is NEW
    assert publisher.fetches == 2


async def test_a_mismatch_while_the_publisher_fails_is_undecided(clock: Clock) -> None:
    publisher = Publisher(OLD)
    store = await warm(publisher, clock)
    publisher.keys = None
    with pytest.raises(KeysUnavailable):
        await store.newer(OLD)
    assert await store.current() is OLD


async def test_warming_up_bears_a_failure(clock: Clock) -> None:
    publisher = Publisher(None)
    await JwksStore(publisher, clock=clock).warm()
    assert publisher.fetches == 1


async def test_closing_ends_a_fetch_that_hangs(clock: Clock) -> None:
    publisher = Publisher(OLD)
    publisher.open.clear()
    store = JwksStore(publisher, clock=clock)
    waiting = asyncio.create_task(store.current())
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
