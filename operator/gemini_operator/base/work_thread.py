"""Runs work that would hold up the event loop, in one thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# One thread: Python runs the code of one at a time anyway, and each further thread keeps memory of
# its own after the work.
_THREAD = ThreadPoolExecutor(1, thread_name_prefix="work")


async def in_work_thread(work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Return what `work` returns, or raise what it raises.

    The work should take milliseconds: other work waits for it. If the caller is cancelled, work that
    has begun goes on to its end.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_THREAD, partial(work, *args, **named))
