"""Checks an input from object storage while it is copied: unpacks it, and checks every request."""

from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.base.gunzip import Gunzip, NotGzip
from gemini_operator.payload.objects import location
from gemini_operator.payload.request_checks import InvalidLines, RequestType
from gemini_operator.payload.request_stream import (
    BOM,
    FILE_LIMIT,
    Checked,
    RequestStream,
    too_large,
)
from gemini_operator.payload.requests import InvalidInput

READ_LIMIT = 2 * FILE_LIMIT
"""Bytes that are read of an input, packed and unpacked. Blank lines and empty gzip members add nothing
to the text that is sent, so its own limit does not end them (S10)."""


def is_packed(uri: str) -> bool:
    """Return whether the input is unpacked with gzip: what is copied is larger than the object."""
    return uri.partition("?")[0].lower().endswith(".gz")


class InputCheck:
    """The check of one input, in pieces; a name that ends in `.gz` is unpacked first.

    Args:
        uri: of the input.
        expected: the type that every request must have.
        read_limit: bytes that are read.
    """

    def __init__(self, uri: str, expected: RequestType, *, read_limit: int = READ_LIMIT) -> None:
        self._shown = location.display(uri)
        self._gunzip = Gunzip() if is_packed(uri) else None
        self._requests = RequestStream(expected)
        self._limit = read_limit
        self._read = self._unpacked = 0

    def begin(self, size: int | None) -> None:
        """Refuse an input that is too large before any of it is copied.

        Args:
            size: of the input in bytes, if it is known. Packed, it says nothing of its content.

        Raises:
            InvalidInput: it is too large.
        """
        # Three more bytes may be a byte order mark.
        if self._gunzip is None and size is not None and size > FILE_LIMIT + len(BOM):
            raise InvalidInput(f"{self._shown}: {too_large(FILE_LIMIT)}")

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Check a piece, and yield what is uploaded of it, a MiB at a time.

        Raises:
            InvalidInput: the input can never be submitted as it is.
        """
        with self._problems():
            self._read += len(piece)
            for text in (piece,) if self._gunzip is None else self._gunzip.feed(piece):
                self._unpacked += len(text)
                yield self._requests.feed(text)
                self._check_size()
            self._check_size()

    def finish(self) -> tuple[bytes, Checked]:
        """Check the end; return what is left to upload, and the totals.

        Raises:
            InvalidInput: the input can never be submitted as it is.
        """
        with self._problems():
            if self._gunzip is not None:
                self._gunzip.finish()
            return self._requests.finish()

    def _check_size(self) -> None:
        if max(self._read, self._unpacked) > self._limit:
            raise InvalidLines(
                f"it has more than {self._limit} bytes, most of which are no requests: leave out "
                "what is blank"
            )

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except (InvalidLines, NotGzip) as error:
            raise InvalidInput(f"{self._shown}: {error}") from None
