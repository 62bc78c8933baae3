"""Writes an object that is either there as a whole, or not at all."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterable, Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import obstore

from gemini_operator.payload.objects import errors
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    BucketMissing,
    InvalidReference,
    ObjectError,
    SourceChanged,
    SourceMissing,
    Truncated,
    Unavailable,
    UnknownCredentials,
)
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.stores import Store

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

PART = 8 * 2**20
"""Bytes of a part. What has no more is uploaded in one request."""
PARTS_AT_A_TIME = 1
"""With one, a write waits for the part before it, and so does `_abort`."""
STEP_TIMEOUT = 300.0
"""Seconds for a part, and for the end of an upload."""
CHECK_TIMEOUT = 10.0
"""Seconds for a look before anything is paid for."""
CLEANUP_TIMEOUT = 30.0
"""Seconds to wait for a request that is under way before the upload is aborted, and for that."""

CONTENT_TYPE = "application/x-ndjson"

T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """What an object holds now."""

    bytes: int
    sha256: str


async def write(
    location: BucketLocation, store: Store, chunks: AsyncIterable[bytes | memoryview]
) -> Written:
    """Write an object; an existing one is replaced at the end.

    If this fails or is cancelled, the object is as it was before, and parts that were uploaded are
    deleted. If the cancellation comes when the last request is under way, the object may be there,
    as a whole.

    Args:
        location: of the object.
        store: a client of its bucket.
        chunks: its bytes.

    Raises:
        ObjectError: any kind but `Truncated`; see each.
        Truncated: the object has another size than what was written.
    """
    digest, size = hashlib.sha256(), 0
    writer = obstore.open_writer_async(
        store,
        location.key,
        attributes={"Content-Type": CONTENT_TYPE},
        buffer_size=PART,
        max_concurrency=PARTS_AT_A_TIME,
    )
    try:
        async for chunk in chunks:
            for piece in _pieces(memoryview(chunk).cast("B")):
                size += len(piece)
                digest.update(piece)
                await _step(writer.write(piece), location)
    except BaseException as error:
        await _abort(writer, error, size)
        raise
    await _step(writer.close(), location)
    await _verify(location, store, size)
    return Written(size, digest.hexdigest())


async def check(location: BucketLocation, store: Store) -> None:
    """Make sure that the bucket can be reached, exists and knows the credentials.

    Whether they may write shows only a write.

    Raises:
        BucketMissing, UnknownCredentials, InvalidReference, Unavailable: nothing could be written
            there now.
    """
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            # Not `head`: without a body the answer does not tell a bucket from an object.
            await obstore.get_async(store, location.key)
    except TimeoutError:
        raise Unavailable(f"{location} did not answer in time; it is tried again") from None
    except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
        found = errors.of_store(error, str(location))
        # An object that is not there is what is expected. Whoever may write need not read.
        if isinstance(found, BucketMissing | UnknownCredentials | InvalidReference | Unavailable):
            raise found from None


def _pieces(chunk: memoryview) -> list[memoryview]:
    return [chunk[start : start + PART] for start in range(0, len(chunk), PART)]


async def _step(step: Awaitable[T], location: BucketLocation) -> T:
    """Wait for one request of the upload.

    A cancellation ends it only after the request has ended: until then it is not known whether there
    is an upload to abort.

    Raises:
        ObjectError: it failed.
    """
    request = asyncio.ensure_future(step)
    try:
        async with asyncio.timeout(STEP_TIMEOUT):
            return await asyncio.shield(request)
    except TimeoutError as error:
        if not request.done():
            await _settle(request)
            raise Unavailable(f"writing {location} took too long; it is tried again") from None
        raise _failure(error, location) from None
    except asyncio.CancelledError:
        await _settle(request)
        raise
    except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
        raise _failure(error, location) from None


async def _settle(request: "asyncio.Future[T]", seconds: float = CLEANUP_TIMEOUT) -> None:
    """Wait for a request that nobody waits for any more."""
    await asyncio.wait({request}, timeout=seconds)
    if not request.done():
        request.cancel()
    elif not request.cancelled():
        # Read, so that asyncio does not report it.
        request.exception()


async def _abort(writer: "AsyncWritableFile", error: BaseException, size: int) -> None:
    """Delete the parts that were uploaded, if there are any.

    Args:
        writer: of the upload.
        error: the reason.
        size: bytes that were given to the writer.
    """

    async def wait_and_abort() -> None:
        # The abortion drops a request that is under way, and its part would be stored after it. A
        # write waits for that request. It must not start another one by filling the next part.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLEANUP_TIMEOUT):
                for _ in range(0 if size < PART else 1 + (size % PART == PART - 1)):
                    await writer.write(b" ")
        await writer.__aexit__(type(error), error, None)

    await _settle(asyncio.ensure_future(wait_and_abort()), 2 * CLEANUP_TIMEOUT)


async def _verify(location: BucketLocation, store: Store, size: int) -> None:
    try:
        meta = await obstore.head_async(store, location.key)
    except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
        failure = _failure(error, location)
        if isinstance(failure, AccessDenied):
            # What was just written shows that the credentials are known.
            raise AccessDenied(
                f"{location} was written, but its size cannot be looked at: let its credentials read "
                "it, too; it is written again"
            ) from None
        raise failure from None
    if meta["size"] != size:
        raise Truncated(
            f"{location} has {meta['size']} bytes after {size} were written; it is written again"
        )


def _failure(error: Exception, location: BucketLocation) -> ObjectError:
    failure = errors.of_store(error, str(location))
    if isinstance(failure, SourceMissing):
        return SourceMissing(
            f"{location} cannot be written: create its bucket; results stay at Google until then"
        )
    if isinstance(failure, SourceChanged):
        return Unavailable(f"{location} cannot be written now; it is tried again")
    return failure
