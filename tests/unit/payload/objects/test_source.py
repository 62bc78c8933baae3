"""What a source does with its reader; real connections are in the integration tests."""

from collections.abc import AsyncIterator, Sequence

import pytest

from gemini_operator.payload.objects.body import Body, nothing_to_close
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    ObjectError,
    SourceChanged,
    Truncated,
    Unavailable,
)
from gemini_operator.payload.objects.source import CHUNK, Patience, Source

QUICK = Patience(pause=0, progress=10)


class Broken(Exception):
    pass


class Reader:
    """Answers with what was prepared: bodies that may break off, or failures."""

    def __init__(self, *answers: Body | ObjectError) -> None:
        self.answers = list(answers)
        self.opened: list[tuple[int, str | None]] = []

    async def open(self, offset: int = 0, etag: str | None = None) -> Body:
        self.opened.append((offset, etag))
        answer = self.answers.pop(0)
        if isinstance(answer, ObjectError):
            raise answer
        return answer

    def failure(self, error: Exception) -> ObjectError:
        return error if isinstance(error, ObjectError) else Unavailable("broken; try again")


def body(*pieces: bytes | Exception, size: int | None = 30, etag: str | None = '"one"') -> Body:
    async def iterate() -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    return Body(size, etag, iterate(), nothing_to_close)


async def read(first: Body, reader: Reader, patience: Patience = QUICK) -> bytes:
    source = Source(reader, first, "s3://bucket/key", patience)
    return b"".join([chunk async for chunk in source.chunks()])


async def test_chunks_have_a_mib() -> None:
    content = bytes(5 * CHUNK + 7)
    source = Source(Reader(), body(content, b"", size=len(content)), "s3://b/k", QUICK)
    sizes = [len(chunk) async for chunk in source.chunks()]
    assert sizes == [CHUNK] * 5 + [7]


async def test_it_is_continued_where_it_broke_off() -> None:
    reader = Reader(Unavailable("down"), body(b"b" * 10, Broken()), body(b"c" * 10))
    assert await read(body(b"a" * 10, Broken()), reader) == b"a" * 10 + b"b" * 10 + b"c" * 10
    assert reader.opened == [(10, '"one"'), (10, '"one"'), (20, '"one"')]


async def test_an_early_end_is_an_interruption() -> None:
    reader = Reader(body(b"b" * 20))
    assert len(await read(body(b"a" * 10), reader)) == 30


async def test_progress_allows_further_continuations() -> None:
    bodies = [body(b"x" * 10, Broken(), size=100) for _ in range(9)]
    assert len(await read(body(b"x" * 10, Broken(), size=100), Reader(*bodies))) == 100


@pytest.mark.parametrize("pieces", [[b"x"], []])
async def test_little_progress_does_not(pieces: Sequence[bytes]) -> None:
    reader = Reader(*[body(*pieces, Broken()) for _ in range(9)])
    with pytest.raises(Truncated, match="of 30 bytes"):
        await read(body(Broken()), reader)
    assert len(reader.opened) == 3


async def test_more_bytes_than_announced() -> None:
    with pytest.raises(Truncated, match="more than the 30 bytes"):
        await read(body(b"a" * 31), Reader())


@pytest.mark.parametrize(
    "other", [body(b"b" * 21, size=31), body(b"b" * 20, etag='"two"'), body(b"b" * 20, etag=None)]
)
async def test_a_continuation_of_another_version(other: Body) -> None:
    with pytest.raises(SourceChanged):
        await read(body(b"a" * 10, Broken()), Reader(other))


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
async def test_a_version_without_a_strong_tag_is_not_continued(etag: str | None) -> None:
    reader = Reader()
    with pytest.raises(Truncated):
        await read(body(b"a" * 10, Broken(), etag=etag), reader)
    assert reader.opened == []


async def test_a_refusal_ends_it() -> None:
    reader = Reader(AccessDenied("no"))
    with pytest.raises(AccessDenied):
        await read(body(b"a" * 10, Broken()), reader)
    assert len(reader.opened) == 1


async def test_without_a_size_the_end_is_the_end() -> None:
    assert await read(body(b"a" * 10, size=None), Reader()) == b"a" * 10
