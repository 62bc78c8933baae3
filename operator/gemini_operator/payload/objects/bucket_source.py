"""Reads one object of a bucket."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import obstore

from gemini_operator.payload.objects import errors
from gemini_operator.payload.objects.body import Body, nothing_to_close
from gemini_operator.payload.objects.location import BucketLocation
from gemini_operator.payload.objects.stores import Store

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult

# Small, because the minimum throughput is measured by whole pieces.
_PIECE = 64 * 1024


class BucketReader:
    """Reads one object of a bucket."""

    def __init__(self, location: BucketLocation, store: Store) -> None:
        self._location = location
        self._store = store

    async def open(self, offset: int = 0, etag: str | None = None) -> Body:
        """Request the object from a byte on, if it still has the ETag; see `Reader`."""
        options: GetOptions = {}
        if etag is not None:
            options["if_match"] = etag
        if offset:
            options["range"] = {"offset": offset}
        try:
            result = await obstore.get_async(self._store, self._location.key, options=options)
        except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
            raise self.failure(error) from None
        return Body(result.meta["size"], result.meta["e_tag"], _pieces(result), nothing_to_close)

    def failure(self, error: Exception) -> errors.ObjectError:
        """Return what an exception of obstore means."""
        return errors.of_store(error, str(self._location))


async def _pieces(result: "GetResult") -> AsyncIterator[bytes]:
    async for piece in result.stream(min_chunk_size=_PIECE):
        yield bytes(piece)
