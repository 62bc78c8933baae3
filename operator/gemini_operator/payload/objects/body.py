"""What each kind of source has in common: an answer whose bytes are read one piece after the other."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gemini_operator.payload.objects.errors import ObjectError


@dataclass(frozen=True)
class Body:
    """An object, or its end from some byte on."""

    size: int | None
    """Bytes of the whole object, if the answer says it."""
    etag: str | None
    """The tag of this version of the object. A weak one, `W/…`, cannot name it in a request."""
    pieces: AsyncIterator[bytes]
    """May raise what `Reader.failure` understands."""
    close: Callable[[], Awaitable[None]]


class Reader(Protocol):
    """A way to read one object."""

    async def open(self, offset: int = 0, etag: str | None = None) -> Body:
        """Request the object from a byte on, if it still has the ETag.

        Raises:
            ObjectError: there is no such object or version, or no answer.
        """
        ...

    def failure(self, error: Exception) -> ObjectError:
        """Return what an exception of a body's `pieces` means."""
        ...


async def nothing_to_close() -> None:
    """Close a body that needs no closing."""
