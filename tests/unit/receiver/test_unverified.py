import asyncio
from contextlib import ExitStack

import pytest

from gemini_operator.receiver.responses import Refused, Result
from gemini_operator.receiver.settings import Limits
from gemini_operator.receiver.unverified import UnverifiedRequests

LIMITS = Limits(unverified=6, unverified_per_peer=4, unverified_per_address=2)


class Crowd:
    """Requests that stay until they are evicted; their number is the order they came in."""

    def __init__(self) -> None:
        self.unverified = UnverifiedRequests(LIMITS)
        self.evicted: list[int] = []
        self._present: list[ExitStack] = []

    def comes(self, address: str, peer: str) -> ExitStack:
        number = len(self._present)
        stack = ExitStack()
        self._present.append(stack)
        stack.enter_context(
            self.unverified.admitted(address, peer, lambda: self.evicted.append(number))
        )
        return stack


def test_the_oldest_of_an_address_makes_room() -> None:
    crowd = Crowd()
    for peer in "abcd":
        crowd.comes("one", peer)
    crowd.comes("two", "a")
    assert crowd.evicted == [0, 1]
    assert len(crowd.unverified) == 3


def test_the_oldest_of_a_peer_makes_room() -> None:
    crowd = Crowd()
    for address in "abcdef":
        crowd.comes(address, "balancer")
    assert crowd.evicted == [0, 1]
    crowd.comes("a", "other")
    assert crowd.evicted == [0, 1]


def test_the_oldest_of_all_makes_room() -> None:
    crowd = Crowd()
    for name in "abcdefgh":
        crowd.comes(name, name)
    assert crowd.evicted == [0, 1]
    assert len(crowd.unverified) == 6


def test_one_request_too_many_evicts_one_even_where_several_limits_are_reached() -> None:
    crowd = Crowd()
    for address, peer in [("a", "x"), ("b", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "y")]:
        crowd.comes(address, peer)
    crowd.comes("a", "x")
    assert crowd.evicted == [0]


def test_who_is_done_leaves_its_room_and_is_not_evicted() -> None:
    crowd = Crowd()
    first = crowd.comes("one", "a")
    crowd.comes("one", "a")
    first.close()
    crowd.comes("one", "a")
    assert crowd.evicted == []
    crowd.comes("one", "a")
    assert crowd.evicted == [1]


def test_nothing_is_remembered_of_who_has_left() -> None:
    crowd = Crowd()
    for stack in [crowd.comes(address, "a") for address in "aab"]:
        stack.close()
    assert len(crowd.unverified) == 0
    assert crowd.unverified._requests == {}


async def test_an_evicted_block_ends_where_it_waits() -> None:
    unverified = UnverifiedRequests(Limits(unverified=1))

    async def wait() -> None:
        async with unverified.admit("one", "a"):
            await asyncio.Event().wait()

    oldest = asyncio.create_task(wait())
    await asyncio.sleep(0)
    async with unverified.admit("two", "b"):
        with pytest.raises(Refused) as refused:
            await oldest
    assert refused.value.response.result is Result.EVICTED
    assert len(unverified) == 0


async def test_a_time_limit_inside_the_block_stays_what_it_is() -> None:
    unverified = UnverifiedRequests(LIMITS)
    with pytest.raises(TimeoutError):
        async with unverified.admit("one", "a"), asyncio.timeout(0):
            await asyncio.Event().wait()
