import asyncio

from gemini_emulator.agenda import Agenda

from .conftest import ManualClock


def test_what_is_due_is_taken_once_and_in_order(clock: ManualClock) -> None:
    agenda = Agenda(clock)
    for identity, delay in (("c", 3), ("a", 1), ("b", 2), ("a", 2), ("d", 9)):
        agenda.put(identity, clock.now + delay)
    agenda.put("never", None)
    assert agenda.take() == []
    clock.advance(3)
    assert agenda.take() == ["a", "b", "c"]
    assert agenda.take() == []
    clock.advance(6)
    assert agenda.take() == ["d"]


async def test_waiting_ends_when_something_is_due(clock: ManualClock) -> None:
    agenda = Agenda(clock)
    agenda.put("a", clock.now + 0.02)
    async with asyncio.timeout(5):
        await agenda.wait()  # for the news
        await agenda.wait()  # for the moment


async def test_waiting_ends_when_something_is_put(clock: ManualClock) -> None:
    agenda = Agenda(clock)
    waiting = asyncio.ensure_future(agenda.wait())
    await asyncio.sleep(0)
    agenda.put("a", clock.now + 3600)
    async with asyncio.timeout(5):
        await waiting
