import asyncio
import threading

import pytest

from gemini_operator.base.work_thread import in_work_thread


async def test_work_is_done_beside_the_loop_in_one_thread() -> None:
    threads = await asyncio.gather(*(in_work_thread(threading.get_ident) for _ in range(10)))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


async def test_what_work_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await in_work_thread(int, "x")
    assert await in_work_thread(int, "ff", base=16) == 255


async def test_work_goes_on_when_nobody_waits_for_it() -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        done.set()

    waiter = asyncio.create_task(in_work_thread(work))
    assert await asyncio.to_thread(begun.wait, 10)
    waiter.cancel()
    await asyncio.wait((waiter,))
    assert waiter.cancelled()
    go.set()
    await in_work_thread(done.wait, 10)
    assert done.is_set()
