"""Checks an input from object storage while it is copied: unpacks it, and checks every request."""

from collections.abc import Iterator
from contextlib import contextmanager

from gemini_operator.payload.gunzip import Gunzip, NotGzip
from gemini_operator.payload.objects import location
from gemini_operator.payload.request_checks import InvalidLines, RequestType
from gemini_operator.payload.request_stream import Checked, RequestStream
from gemini_operator.payload.requests import InvalidInput


class InputCheck:
    """The check of one input, in pieces; a name that ends in `.gz` is unpacked first.

    Args:
        uri: of the input.
        expected: the type that every request must have.
    """

    def __init__(self, uri: str, expected: RequestType) -> None:
        self._shown = location.display(uri)
        packed = uri.partition("?")[0].endswith(".gz")
        self._gunzip = Gunzip() if packed else None
        self._requests = RequestStream(expected)

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
