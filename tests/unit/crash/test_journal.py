"""Steps are counted for one job, and a trap springs once."""

import asyncio

import pytest

from tests.crash.journal import Journal, Moment, NthCall, Struck, Trap


def test_the_same_call_again_is_another_step() -> None:
    journal = Journal()
    journal.open("job")
    for name in ("batches.get", "status end", "batches.get"):
        journal.enter(name, None)
    assert journal.calls == [
        NthCall("batches.get", 1),
        NthCall("status end", 1),
        NthCall("batches.get", 2),
    ]
    assert [str(nth_call) for nth_call in journal.calls][1:] == ["status end", "batches.get #2"]


def test_what_is_about_another_job_is_no_step() -> None:
    journal = Journal()
    journal.open("job")
    assert journal.enter("event Succeeded", "earlier") is None
    assert journal.enter("event Succeeded", "job") == NthCall("event Succeeded", 1)


def test_another_life_is_counted_from_one_and_has_no_trap() -> None:
    journal = Journal()
    journal.enter("batches.get", None)
    journal.trap = Trap(NthCall("batches.get", 2), Moment.SENT, lambda: None)
    journal.open("next")
    assert journal.enter("batches.get", None) == NthCall("batches.get", 1)
    assert journal.trap is None


async def test_the_trap_springs_at_its_step_and_moment_only_and_once() -> None:
    struck: list[str] = []
    journal = Journal()
    trap = Trap(NthCall("batches.get", 2), Moment.SENT, lambda: struck.append("now"))
    journal.trap = trap
    await journal.reach(None, Moment.SENT)
    await journal.reach(NthCall("batches.get", 1), Moment.SENT)
    await journal.reach(NthCall("batches.get", 2), Moment.BEFORE)
    assert not trap.sprung
    with pytest.raises(Struck):
        await journal.reach(NthCall("batches.get", 2), Moment.SENT)
    await journal.reach(NthCall("batches.get", 2), Moment.SENT)
    assert (struck, trap.sprung) == (["now"], True)


async def test_a_call_waits_for_the_event_that_the_strike_answers_with() -> None:
    resumed = asyncio.Event()
    journal = Journal()
    journal.trap = Trap(NthCall("batches.create", 1), Moment.BEFORE, lambda: resumed)
    call = asyncio.create_task(journal.reach(NthCall("batches.create", 1), Moment.BEFORE))
    _, waiting = await asyncio.wait({call}, timeout=0.05)
    assert waiting == {call}
    resumed.set()
    await asyncio.wait_for(call, 5)
