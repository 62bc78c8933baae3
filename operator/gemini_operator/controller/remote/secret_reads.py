"""Reads the Secrets of many jobs: a few at a time, and the namespaces in turns."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator

from gemini_operator.controller.job import KeyRef

AT_A_TIME = 10
"""Secrets that are read at a time, so that thousands of them do not reach the API server at once."""


async def each(refs: Iterable[KeyRef], read: Callable[[KeyRef], Awaitable[None]]) -> None:
    """Call `read`, which must not raise, for each of the Secrets.

    Args:
        refs: the Secrets.
        read: reads one of them.
    """
    waiting = iter(in_turns(refs))

    async def read_on() -> None:
        for ref in waiting:
            await read(ref)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_A_TIME):
            tasks.create_task(read_on())


def in_turns(refs: Iterable[KeyRef]) -> list[KeyRef]:
    """Return the first Secret of every namespace, then the second of every one, and so on.

    So a namespace with a thousand Secrets delays no other.
    """
    return [ref for _, ref in sorted(ranked(refs))]


def ranked(refs: Iterable[KeyRef]) -> Iterator[tuple[int, KeyRef]]:
    """Yield each Secret with the number of Secrets of its namespace before it."""
    known: Counter[str] = Counter()
    for ref in refs:
        yield known[ref.namespace], ref
        known[ref.namespace] += 1
