"""Checks an input from object storage while it is copied: unpacks it, and checks every request."""

from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.payload.gunzip import Gunzip, NotGzip
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


class InputCheck:
    """The check of one input, in pieces; a name that ends in `.gz` is unpacked first.

    Args:
        uri: of the input.
        expected: the type that every request must have.
    """

    def __init__(self, uri: str, expected: RequestType) -> None:
        self._shown = location.display(uri)
        self._gunzip = Gunzip() if self._shown.endswith(".gz") else None
        self._requests = RequestStream(expected)

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
            for text in (piece,) if self._gunzip is None else self._gunzip.feed(piece):
                yield self._requests.feed(text)

    def finish(self) -> tuple[bytes, Checked]:
        """Check the end; return what is left to upload, and the totals.

        Raises:
            InvalidInput: the input can never be submitted as it is.
        """
        with self._problems():
            if self._gunzip is not None:
                self._gunzip.finish()
            return self._requests.finish()

    @contextmanager
    def _problems(self) -> Iterator[None]:
        try:
            yield
        except (InvalidLines, NotGzip) as error:
            raise InvalidInput(f"{self._shown}: {error}") from None
