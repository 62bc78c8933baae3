import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from gemini_operator.payload.read_ahead import DEPTH, read_ahead


class Pieces:
    """A stream of `count` pieces, which counts what was read of it."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count, self.error = count, error
        self.read = 0
        self.closed = False

    async def stream(self) -> AsyncIterator[bytes]:
        try:
            for number in range(self.count):
                self.read += 1
                yield b"%d" % number
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("count", [0, 1, DEPTH, DEPTH + 1, 10 * DEPTH])
async def test_all_pieces_come_in_their_order(count: int) -> None:
    async with aclosing(read_ahead(Pieces(count).stream())) as ahead:
        assert [piece async for piece in ahead] == [b"%d" % n for n in range(count)]


async def test_only_a_few_are_read_ahead() -> None:
    pieces = Pieces(10 * DEPTH)
    async with aclosing(read_ahead(pieces.stream())) as ahead:
        assert await anext(ahead) == b"0"
        await turns()
        # One is used, some wait, and one waits for a place.
        assert pieces.read == DEPTH + 2


@pytest.mark.parametrize("count", [0, 1, 3 * DEPTH])
async def test_an_error_comes_after_the_pieces_before_it(count: int) -> None:
    async with aclosing(read_ahead(Pieces(count, ValueError("broken")).stream())) as ahead:
        assert [await anext(ahead) for _ in range(count)] == [b"%d" % n for n in range(count)]
        with pytest.raises(ValueError, match="broken"):
            await anext(ahead)


@pytest.mark.parametrize("error", [None, ValueError("nobody asks")])
async def test_a_reader_that_is_left_ends(error: Exception | None) -> None:
    pieces = Pieces(DEPTH + 1, error)
    async with aclosing(read_ahead(pieces.stream())) as ahead:
        await anext(ahead)
        await turns()
    assert len(asyncio.all_tasks()) == 1


async def test_a_cancelled_user_leaves_no_reader() -> None:
    pieces = Pieces(10 * DEPTH)

    async def use() -> None:
        async with aclosing(read_ahead(pieces.stream())) as ahead:
            async for _ in ahead:
                await asyncio.sleep(3600)

    user = asyncio.create_task(use())
    await turns()
    user.cancel()
    await asyncio.wait((user,))
    await turns()
    assert pieces.closed
    assert len(asyncio.all_tasks()) == 1
