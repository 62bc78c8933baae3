"""Whether work leaves the event loop to others."""

import asyncio
from typing import Any


async def turns_beside(work: "asyncio.Task[Any]") -> int:
    """How many turns other work has until `work` is done."""
    turns = 0
    while not work.done():
        turns += 1
        await asyncio.sleep(0)
    return turns
