import httpx2
import pytest

from gemini_operator.gemini.pool import Pool


class Transport(httpx2.AsyncBaseTransport):
    """Counts how often it is closed."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def pool() -> tuple[Pool, list[Transport]]:
    made: list[Transport] = []

    def connect() -> Transport:
        made.append(Transport())
        return made[-1]

    return Pool(connect), made


async def test_nothing_is_opened_before_it_is_used() -> None:
    one, made = pool()
    await one.retire()
    assert made == []


async def test_uses_share_one_pool_that_stays_open() -> None:
    one, made = pool()
    async with one.use() as first, one.use() as second:
        assert first is second
    async with one.use() as third:
        assert third is first
    assert made[0].closed == 0


async def test_a_retired_pool_closes_after_its_last_request() -> None:
    one, made = pool()
    async with one.use():
        async with one.use():
            await one.retire()
            assert made[0].closed == 0
        assert made[0].closed == 0
    assert made[0].closed == 1
    assert not one.open


async def test_a_late_request_still_works_and_leaves_nothing_open() -> None:
    one, made = pool()
    async with one.use():
        pass
    await one.retire()
    async with one.use() as late:
        assert late is made[1]
    assert [transport.closed for transport in made] == [1, 1]
    assert not one.open


async def test_a_failed_request_lets_go() -> None:
    one, made = pool()
    await one.retire()
    with pytest.raises(ZeroDivisionError):
        async with one.use():
            _ = 1 // 0
    assert made[0].closed == 1
