"""Copies an input to the File API, and checks it on the way, before anything is paid for (P10).

A file at Google has either the whole checked input or does not exist: the last chunk is sent once
everything was read and found good.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing
from itertools import islice
from typing import Final, Protocol

from gemini_operator.base.work_thread import in_work_thread
from gemini_operator.gemini import errors
from gemini_operator.gemini.files import FileInfo, Files
from gemini_operator.gemini.uploads import NewFile, Upload
from gemini_operator.payload.read_ahead import read_ahead
from gemini_operator.payload.request_stream import Checked

SETTLES: Final = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds between looks at a file that Google still processes."""

# Bytes, and steps of a check, that are taken from it at a time.
_ENOUGH: Final = 2**20
_STEPS: Final = 64

# Seconds for the goodbye of an upload that is given up.
_GOODBYE: Final = 5.0


class Source(Protocol):
    """An input that was opened; its chunks are read once."""

    size: int | None
    """Bytes; `None` if that is not known."""

    def chunks(self) -> AsyncGenerator[bytes, None]: ...


Open = Callable[[], AbstractAsyncContextManager[Source]]
"""Opens the input from its beginning."""


class Check(Protocol):
    """Checks an input in pieces, and returns of each what is uploaded."""

    def begin(self, size: int | None) -> None:
        """Check the size of the input, if it is known."""
        ...

    def feed(self, piece: bytes) -> Iterable[bytes]:
        """Check a piece."""
        ...

    def finish(self) -> tuple[bytes, Checked]:
        """Check the end; return what is left to upload, and the totals."""
        ...


class NotOurs(Exception):
    """A file of this name exists at Google and was not uploaded for this job."""


async def upload(
    files: Files,
    new: NewFile,
    open_input: Open,
    check: Callable[[], Check],
    sent: Callable[[int], None],
) -> tuple[Checked, FileInfo]:
    """Upload an input, unless an earlier, interrupted upload did.

    Args:
        files: of the job's API key.
        new: the name of the file, which belongs to this job alone.
        open_input: opens the input; called twice if Google has another file of that name.
        check: makes the check of the input.
        sent: is told how many bytes Google has; 0 once the input was opened and some of it was read.

    Returns:
        What was uploaded, and the file.

    Raises:
        NotOurs: Google has a file of that name that this operator did not upload for this job.
        GeminiError: Google did not take it. Uploading again is safe.
        Exception: whatever reading and checking raise; no file is left.
    """
    existing = await _look(files, new.name)
    if existing is not None:
        if existing.display_name != new.display_name:
            raise NotOurs(f"{new.name} exists at Google and is not this job's")
        checked = await _read(open_input, check(), sent)
        if _same(checked, existing):
            return checked, await _settled(files, existing)
        # The input has changed since the interrupted upload.
        await files.delete(new.name)
    return await _upload(files, new, open_input, check(), sent)


async def _look(files: Files, name: str) -> FileInfo | None:
    try:
        return await files.get(name)
    except errors.NotFound:
        return None


async def _read(open_input: Open, check: Check, sent: Callable[[int], None]) -> Checked:
    async with (
        open_input() as source,
        aclosing(source.chunks()) as pieces,
        aclosing(read_ahead(pieces)) as ahead,
    ):
        async for piece in ahead:
            async for _ in _good(check, piece):
                sent(0)
    _, checked = await in_work_thread(check.finish)
    return checked


async def _upload(
    files: Files, new: NewFile, open_input: Open, check: Check, sent: Callable[[int], None]
) -> tuple[Checked, FileInfo]:
    async with (
        open_input() as source,
        aclosing(source.chunks()) as pieces,
        aclosing(read_ahead(pieces)) as raw,
        aclosing(read_ahead(_checked(raw, check))) as good,
    ):
        check.begin(source.size)
        transfer = await files.start_upload(new)
        try:
            async for piece in good:
                await transfer.write(piece)
                sent(transfer.sent)
            rest, checked = await in_work_thread(check.finish)
            await transfer.write(rest)
            info = await files.finish_upload(transfer, new.name)
        except BaseException:
            await _goodbye(transfer)
            raise
    if not _same(checked, info):
        await files.delete(new.name)
        raise errors.Unavailable(
            f"files.upload: Google has {info.size} bytes of {checked.bytes}, or other ones"
        )
    sent(checked.bytes)
    return checked, await _settled(files, info)


async def _checked(pieces: AsyncIterator[bytes], check: Check) -> AsyncIterator[bytes]:
    async for piece in pieces:
        async for good in _good(check, piece):
            yield good


async def _good(check: Check, piece: bytes) -> AsyncIterator[bytes]:
    """Check a piece, and yield what is uploaded of it.

    Unpacked, a megabyte of gzip may be a gigabyte. So little of it is in memory at a time, and the
    work of other jobs goes on in between (S10).
    """
    left = iter(check.feed(piece))
    # In a thread: to parse a megabyte takes milliseconds.
    while (good := await in_work_thread(_some, left)) is not None:
        if good:
            yield good


def _some(left: Iterator[bytes]) -> bytes | None:
    """Return about a megabyte of what is left; `None` at the end.

    It is less if much is checked that is not uploaded, such as blank lines. Put together, because a
    file of gzip may have each line in a member of its own.
    """
    some, size = [], 0
    for good in islice(left, _STEPS):
        some.append(good)
        size += len(good)
        if size >= _ENOUGH:
            break
    return b"".join(some) if some else None


async def _goodbye(transfer: Upload) -> None:
    """Cancel the upload, whatever else is going wrong."""
    with contextlib.suppress(TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(_GOODBYE):
            await transfer.cancel()


def _same(checked: Checked, info: FileInfo) -> bool:
    return info.size == checked.bytes and info.sha256 in (None, checked.sha256)


async def _settled(files: Files, info: FileInfo) -> FileInfo:
    """Wait until Google has processed the file.

    Raises:
        Unavailable: it has not, or says that it cannot.
    """
    for pause in SETTLES:
        if info.state != "PROCESSING":
            break
        await asyncio.sleep(pause)
        info = await files.get(info.name)
    if info.state == "ACTIVE":
        return info
    with contextlib.suppress(errors.GeminiError):
        await files.delete(info.name)
    raise errors.Unavailable(f"files.upload: Google shows the file as {info.state}")
