"""Reads a stream a little ahead of whoever uses it, so that reading and writing overlap."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

DEPTH: Final = 2
"""Pieces that are read ahead, at most."""


async def read_ahead(
    pieces: AsyncIterator[bytes], depth: int = DEPTH
) -> AsyncGenerator[bytes, None]:
    """Yield `pieces`, and read up to `depth` of them ahead; close the iterator (`aclosing`).

    What `pieces` raises is raised in its place, after the pieces before it.
    """
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(depth)

    async def read() -> None:
        try:
            async for piece in pieces:
                await queue.put(piece)
        finally:
            # A full queue is read on: its reader finds the end after the pieces.
            await queue.put(None)

    reader = asyncio.create_task(read())
    try:
        while (piece := await queue.get()) is not None:
            yield piece
        await reader
    finally:
        reader.cancel()
        # The queue is drained for the reader's last `put`, which must not wait for ever.
        while not queue.empty():
            queue.get_nowait()
        await asyncio.wait((reader,))
        if not reader.cancelled():
            # Looked at, or the event loop would report it as forgotten.
            reader.exception()
