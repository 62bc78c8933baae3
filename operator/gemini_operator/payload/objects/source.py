"""Reads one version of an object from beginning to end, whatever happens to the connection."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gemini_operator.payload.objects.body import Body, Reader
from gemini_operator.payload.objects.bucket_source import BucketReader
from gemini_operator.payload.objects.credentials import Credentials, HttpsCredentials
from gemini_operator.payload.objects.errors import (
    InvalidReference,
    ObjectError,
    SourceChanged,
    TooSlow,
    Truncated,
    Unavailable,
)
from gemini_operator.payload.objects.https_source import HttpsClient
from gemini_operator.payload.objects.location import BucketLocation, Location
from gemini_operator.payload.objects.stores import Stores

CHUNK = 2**20
"""Bytes of each chunk but the last."""


@dataclass(frozen=True)
class Patience:
    """How long a source may keep a transfer waiting (S10)."""

    least: int = 64 * 1024
    """Bytes that must arrive within `seconds` of waiting; time spent on using them does not count."""
    seconds: float = 30.0
    resumes: int = 3
    """Interruptions in a row, with less than `progress` bytes in between, that are continued."""
    progress: int = 8 * 2**20
    pause: float = 0.5
    """Seconds before the first continuation; each further one waits twice as long."""


class Source:
    """An object as it was at the first look.

    Attributes:
        size: its bytes; `None` if the server does not say it.
        etag: the tag of this version, if the server gives one.
    """

    def __init__(self, reader: Reader, body: Body, shown: str, patience: Patience) -> None:
        self.size = body.size
        self.etag = body.etag
        self._reader = reader
        self._body = body
        self._shown = shown
        self._patience = patience
        self._meter = _Meter(patience, shown)
        self._read = 0
        self._resumed_at = 0
        self._resumes = 0

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield all bytes, a MiB at a time. To be called once.

        Raises:
            SourceChanged: the object is another one now.
            Truncated: it is shorter or longer than announced, or broke off too often.
            TooSlow: it delivers less than the minimum.
            ObjectError: any other kind, from an attempt to continue.
        """
        held = bytearray()
        while (piece := await self._next()) is not None:
            held += piece
            while len(held) >= CHUNK:
                yield bytes(held[:CHUNK])
                del held[:CHUNK]
        if held:
            yield bytes(held)

    async def close(self) -> None:
        """Release the connection."""
        await self._body.close()

    async def _next(self) -> bytes | None:
        """Return the next piece, `None` at the end of the object."""
        while True:
            try:
                piece = await self._meter.next(self._body.pieces)
            except Exception as error:  # noqa: BLE001 - what libraries raise is classified
                # With all its bytes there is nothing to ask for any more.
                if self._read == self.size:
                    return None
                failure = self._reader.failure(error)
            else:
                if piece is not None:
                    return self._counted(piece)
                if self.size is None or self._read == self.size:
                    return None
                failure = self._broken_off()
            await self._resume(failure)

    def _counted(self, piece: bytes) -> bytes:
        self._read += len(piece)
        if self.size is not None and self._read > self.size:
            raise Truncated(
                f"{self._shown} has more than the {self.size} bytes that its server announced: "
                "correct the server"
            )
        return piece

    async def _resume(self, failure: ObjectError) -> None:
        """Continue where the body broke off, in the same version of the object.

        Raises:
            ObjectError: `failure`, if that is no interruption, or nothing can be continued.
        """
        while True:
            if isinstance(failure, TooSlow) or not isinstance(failure, Unavailable | Truncated):
                raise failure
            if self._read - self._resumed_at >= self._patience.progress:
                self._resumes = 0
            if not _names_a_version(self.etag) or self._resumes == self._patience.resumes:
                raise self._broken_off() from failure
            await asyncio.sleep(self._patience.pause * 2**self._resumes)
            self._resumes += 1
            self._resumed_at = self._read
            try:
                await self._reopen()
            except (Unavailable, Truncated) as error:
                failure = error
            else:
                return

    async def _reopen(self) -> None:
        await self._body.close()
        self._body = await _open(self._reader, self._read, self.etag, self._shown, self._patience)
        same_size = self._body.size is None or self.size in (None, self._body.size)
        if self._body.etag != self.etag or not same_size:
            raise _changed(self._shown)

    def _broken_off(self) -> Truncated:
        announced = "an unknown number" if self.size is None else str(self.size)
        return Truncated(
            f"{self._shown} broke off after {self._read} of {announced} bytes; it is tried again"
        )


@asynccontextmanager
async def open_source(
    location: Location,
    namespace: str,
    credentials: Credentials | None,
    *,
    stores: Stores,
    https: HttpsClient,
    etag: str | None = None,
    patience: Patience = Patience(),
) -> AsyncIterator[Source]:
    """Open an object for reading.

    Args:
        location: of the object.
        namespace: of the job.
        credentials: from the job's Secret; `None` if it names none.
        stores: opens buckets.
        https: reads https URLs.
        etag: of the version that must be read, from an earlier look at the object.
        patience: how long the source may keep the transfer waiting.

    Raises:
        ObjectError: any kind; see each.
    """
    shown = str(location)
    reader = _reader(location, namespace, credentials, stores, https)
    condition = etag if _names_a_version(etag) else None
    body = await _open(reader, 0, condition, shown, patience)
    source = Source(reader, body, shown, patience)
    try:
        if etag is not None and source.etag != etag:
            raise _changed(shown)
        yield source
    finally:
        await source.close()


def _reader(
    location: Location,
    namespace: str,
    credentials: Credentials | None,
    stores: Stores,
    https: HttpsClient,
) -> Reader:
    if isinstance(location, BucketLocation):
        if isinstance(credentials, HttpsCredentials):
            raise InvalidReference(f"the Secret for {location} is for another kind of storage")
        return BucketReader(location, stores.open(location, namespace, credentials))
    if credentials is not None and not isinstance(credentials, HttpsCredentials):
        raise InvalidReference(f"the Secret for {location} is for another kind of storage")
    return https.reader(location, credentials)


async def _open(
    reader: Reader, offset: int, etag: str | None, shown: str, patience: Patience
) -> Body:
    try:
        async with asyncio.timeout(2 * patience.seconds):
            return await reader.open(offset, etag)
    except TimeoutError:
        raise Unavailable(f"{shown} did not answer in time; it is tried again") from None


class _Meter:
    """Reads pieces, and fails when too little arrives in the time spent on waiting for them."""

    def __init__(self, patience: Patience, shown: str) -> None:
        self._patience = patience
        self._shown = shown
        self._waited = 0.0
        self._got = 0

    async def next(self, pieces: AsyncIterator[bytes]) -> bytes | None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self._patience.seconds - self._waited) as limit:
                piece = await anext(pieces, None)
        except TimeoutError:
            if limit.expired():
                raise self._too_slow() from None
            raise
        self._waited += loop.time() - began
        self._got += len(piece or b"")
        if self._got >= self._patience.least:
            self._waited, self._got = 0.0, 0
        return piece

    def _too_slow(self) -> TooSlow:
        return TooSlow(
            f"{self._shown} delivered less than {self._patience.least} bytes in "
            f"{self._patience.seconds:g} seconds; use a faster source"
        )


def _names_a_version(etag: str | None) -> bool:
    """Return whether a request can ask for this version: weak tags match nothing."""
    return etag is not None and not etag.startswith("W/")


def _changed(shown: str) -> SourceChanged:
    return SourceChanged(
        f"{shown} has changed since it was first read; it is read again from the beginning"
    )
