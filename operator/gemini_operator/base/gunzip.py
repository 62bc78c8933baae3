"""Decompresses gzip from pieces to pieces, whatever the file claims to be."""

import zlib
from collections.abc import Iterator

STEP = 2**20
"""Bytes that one step gives at most: a bomb of a gigabyte takes a thousand steps, and no memory."""

_GZIP = 16 + zlib.MAX_WBITS
_SLICE = 2**16
_OTHER = "it is not gzip, although its name ends in .gz"
_FOLLOWED = "something that is not gzip follows its gzip data"
_MAGIC = b"\x1f\x8b"


class NotGzip(Exception):
    """The data is no whole gzip file; the message says why."""


class Gunzip:
    """Decompresses one gzip file of one or more members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._started = False
        """Whether the current member has any bytes."""
        self._members = 0
        self._start = b""
        self._padding = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decompress the next piece. All that is yielded must be taken before the next call.

        Yields:
            At most `STEP` bytes each time.

        Raises:
            NotGzip: the data is no gzip, is damaged, or something else follows it.
        """
        # What follows a member is copied, so a piece with thousands of members would take long.
        for at in range(0, len(piece), _SLICE):
            yield from self._decompress(piece[at : at + _SLICE])

    def _decompress(self, piece: bytes) -> Iterator[bytes]:
        while piece:
            if not self._started:
                piece = self._begin(piece)
                continue
            try:
                out = self._member.decompress(piece, STEP)
            except zlib.error:
                raise NotGzip("it is damaged: gzip cannot decompress it") from None
            if out:
                yield out
            if self._member.eof:
                piece = self._member.unused_data
                self._member = zlib.decompressobj(_GZIP)
                self._started = False
                self._members += 1
            else:
                piece = self._member.unconsumed_tail

    def finish(self) -> None:
        """Check that the file has ended where it may end.

        Raises:
            NotGzip: it is not gzip, or is cut off.
        """
        if self._started or (self._members and self._start):
            raise NotGzip("it is cut off: its gzip data has no end")
        if not self._members:
            raise NotGzip(_OTHER if self._start else "it is empty")

    def _begin(self, piece: bytes) -> bytes:
        """Look at the first bytes of a member, and return what can be decompressed."""
        data, self._start = self._start + piece, b""
        if self._members:
            # Some tools fill the last block of a file with zeros, and gzip ignores them.
            padded, data = data, data.lstrip(b"\0")
            self._padding = self._padding or len(data) < len(padded)
        if data and (self._padding or not _MAGIC.startswith(data[: len(_MAGIC)])):
            raise NotGzip(_FOLLOWED if self._members else _OTHER)
        if len(data) < len(_MAGIC):
            self._start = data
            return b""
        self._started = True
        return data
