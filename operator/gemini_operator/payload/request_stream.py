"""Checks requests of an input that is too large for memory, while they are read and uploaded.

Lines go to Google byte for byte as they are written. Between lines, the byte order mark and blank
lines are left out, line ends become a line feed, and a missing last one is added.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jiter

from gemini_operator.payload import json_lines, request_checks
from gemini_operator.payload.key_digests import KeyDigests
from gemini_operator.payload.request_checks import LISTED, InvalidLines, RequestType, Wrong

FILE_LIMIT = 2 * 2**30
"""Bytes of an input file at Google: ai.google.dev/gemini-api/docs/files says 2 GB."""

LINE_LIMIT = 16 * 2**20
"""Bytes of a line. Larger media belong into a file of their own, which requests refer to."""

REQUEST_LIMIT = 5_000_000
"""Requests in one input. Each takes 12 bytes of memory for as long as the input is read: 60 MB."""

_STEP = 2**20
# No file within the limit has as many lines with requests. Keys are remembered with 32 bits of it.
_LINES = 2**31
BOM = b"\xef\xbb\xbf"
# What a text begins with that is no UTF-8, and what is said of it.
_FOREIGN = {
    b"\x1f\x8b": "it is gzip: let its name end in .gz",
    b"\xff\xfe": "it is UTF-16: save it as UTF-8",
    b"\xfe\xff": "it is UTF-16: save it as UTF-8",
}
_FIRST_LOOK = 1000


@dataclass(frozen=True)
class Checked:
    """A text that passed every check, as it is uploaded."""

    records: int
    bytes: int
    sha256: str
    """In hexadecimal."""


def too_large(limit: int) -> str:
    """Return what is said of an input of more than `limit` bytes."""
    return (
        f"it has more than {limit} bytes, which is all that Google takes in one file: split it into "
        "several jobs"
    )


class RequestStream:
    """Checks one text that arrives in pieces. After `InvalidLines` it cannot be used any more.

    The first ten problems are collected, then reading stops. From the first problem on nothing is
    returned for the upload, as the text is not going to be used.
    """

    def __init__(
        self,
        expected: RequestType,
        *,
        file_limit: int = FILE_LIMIT,
        line_limit: int = LINE_LIMIT,
        request_limit: int = REQUEST_LIMIT,
    ) -> None:
        """Begin a text.

        Args:
            expected: the type that every request must have.
            file_limit: bytes of the text as it is uploaded.
            line_limit: bytes of one line.
            request_limit: lines that are not blank.
        """
        self._expected = expected
        self._file_limit = file_limit
        self._line_limit = line_limit
        self._request_limit = request_limit
        self._start: bytes | None = b""
        """The first bytes, as long as they may be a part of a mark of what the text is."""
        self._tail = bytearray()
        self._empty = True
        self._skipping = False
        """Whether what follows, up to the next line end, belongs to a line that is too long."""
        self._held: bytearray | None = None
        """What begins with a first line that is wrong, until it is known whether it ends in a later one."""
        self._may_hold = True
        self._number = 0
        self._keys = KeyDigests()
        self._next_look = min(_FIRST_LOOK, request_limit + 1)
        self._problems: list[tuple[int, Wrong]] = []
        self._bytes = 0
        self._digest = hashlib.sha256()

    def feed(self, piece: bytes) -> bytes:
        """Check the next piece, of any size, and return what can be uploaded of the text so far.

        Raises:
            InvalidLines: the text is no input, or has ten problems.
        """
        self._empty = self._empty and not piece
        steps = range(0, len(piece), _STEP)
        return self._sent(b"".join(self._step(piece[at : at + _STEP]) for at in steps))

    def finish(self) -> tuple[bytes, Checked]:
        """Check what is left, and return the last bytes to upload.

        Raises:
            InvalidLines: the text is no input, or has a problem.
        """
        rest = self._rest()
        if not self._problems and not self._keys.count:
            empty = self._empty
            raise InvalidLines(request_checks.EMPTY if empty else request_checks.NO_REQUESTS)
        twice = self._keys.duplicates(LISTED)
        if self._problems or twice:
            raise InvalidLines(_listed(self._problems, twice))
        rest = self._sent(rest)
        return rest, Checked(self._keys.count, self._bytes, self._digest.hexdigest())

    def _sent(self, out: bytes) -> bytes:
        self._bytes += len(out)
        if self._bytes > self._file_limit:
            listed = [_listed(self._problems)] if self._problems else []
            raise InvalidLines("; ".join([*listed, too_large(self._file_limit)]))
        if self._problems:
            return b""
        self._digest.update(out)
        return out

    def _step(self, data: bytes) -> bytes:
        if self._start is not None:
            data = self._start + data
            if any(len(data) < len(start) and start.startswith(data) for start in (BOM, *_FOREIGN)):
                self._start = data
                return b""
            self._start = None
            if data[:2] in _FOREIGN:
                raise InvalidLines(_FOREIGN[data[:2]])
            data = data.removeprefix(BOM)
        if self._held is None:
            return self._lines(data)
        self._held += data
        return self._release() if len(self._held) >= _STEP else b""

    def _rest(self) -> bytes:
        start, self._start = self._start or b"", None
        out = self._lines(start + b"\n" if start or self._tail else b"")
        return out if self._held is None else out + self._release() + self._rest()

    def _lines(self, data: bytes) -> bytes:
        """Check all lines that end in `data`, and keep the rest."""
        if self._skipping:
            end = data.find(b"\n")
            if end < 0:
                return b""
            self._skipping = False
            self._number += 1
            data = data[end + 1 :]
        end = data.rfind(b"\n") + 1
        whole, rest = data[:end], data[end:]
        out = b""
        if whole:
            if self._tail or len(whole) > self._line_limit or not whole.isspace():
                out = self._block(whole, rest)
            else:
                self._number += whole.count(b"\n")
        if self._number > _LINES:
            raise InvalidLines(f"it has more than {_LINES} lines, and nearly all of them are blank")
        if self._held is None:
            self._keep(rest)
        return out

    def _keep(self, rest: bytes) -> None:
        self._tail += rest
        if len(self._tail) > self._line_limit:
            start = bytes(self._tail[:_STEP])
            self._tail = bytearray()
            self._skipping = True
            # Its own number: the line end that adds it is still to come.
            self._refuse_first_array(start, self._number + 1)
            self._may_hold = False
            self._add_problem(self._number + 1, self._too_long())

    def _block(self, whole: bytes, rest: bytes) -> bytes:
        """Check whole lines.

        Args:
            whole: ends with a line end.
            rest: what follows.
        """
        if self._tail:
            self._tail += whole
            whole = bytes(self._tail)
            self._tail = bytearray()
        lines = whole.split(b"\n")
        # What follows the last line end.
        lines.pop()
        # Nearly every block goes out as it came in, without being put together again.
        changed = b"\r" in whole
        kept = []
        for index, line in enumerate(lines):
            self._number += 1
            if not line or (line.isspace() and len(line) <= self._line_limit):
                changed = True
                continue
            written = line.removesuffix(b"\r") if changed else line
            try:
                self._check(line, written)
            except _Blank:
                changed = True
                continue
            except Wrong as wrong:
                self._refuse_first_array(written, self._number)
                if self._may_hold and len(line) <= _STEP:
                    self._held = bytearray(b"\n".join([*lines[index:], rest]))
                    self._number -= 1
                    return b""
                self._add_problem(self._number, wrong)
            self._may_hold = False
            kept.append(written)
        return b"".join([line + b"\n" for line in kept]) if changed else whole

    def _check(self, line: bytes, written: bytes) -> None:
        if len(line) > self._line_limit:
            raise self._too_long()
        if json_lines.has_many_values(written):
            raise Wrong(f"has more than {json_lines.VALUE_LIMIT} values")
        try:
            item = jiter.from_json(
                written, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys"
            )
        except ValueError as error:
            item = self._explained(written, str(error))
        else:
            if type(item) is not dict:
                raise Wrong(request_checks.NO_OBJECT)
            request_checks.check_item(item, self._expected)
            request_checks.check_depth(written)
            if json_lines.has_infinite(item):
                raise Wrong(request_checks.LARGE_NUMBER)
        self._keys.add(item["key"], self._number)
        if self._keys.count >= self._next_look:
            self._look()

    def _explained(self, line: bytes, problem: str) -> dict[str, Any]:
        """Check a line that is probably wrong again, to say what is wrong in the usual words."""
        if len(line) > _STEP:
            # As text it may take four times as much memory. No ConfigMap has such a line, so there
            # are no other words for it.
            raise _long_line(problem)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise Wrong("is not UTF-8 text") from None
        if not text.strip():
            raise _Blank
        return request_checks.request_of(text, self._expected)

    def _look(self) -> None:
        """Look for duplicates now and then: a file with one key on all lines is not read to its end."""
        if self._keys.count > self._request_limit:
            raise InvalidLines(
                f"it has more than {self._request_limit} requests: split it into several jobs"
            )
        self._next_look = min(10 * self._keys.count, self._request_limit + 1)
        twice = self._keys.duplicates(LISTED)
        if len(self._problems) + len(twice) >= LISTED:
            raise InvalidLines(_listed(self._problems, twice))

    def _add_problem(self, number: int, wrong: Wrong) -> None:
        self._problems.append((number, wrong))
        if len(self._problems) >= LISTED:
            raise InvalidLines(_listed(self._problems))

    def _too_long(self) -> Wrong:
        return Wrong(
            f"is longer than {self._line_limit} bytes: put images, audio and video into files of the "
            "File API and refer to them"
        )

    def _refuse_first_array(self, line: bytes, number: int) -> None:
        """Refuse a JSON array, if the line is the first that is not blank."""
        if self._may_hold:
            start = line[:_STEP].decode(errors="replace")
            array = request_checks.begins_array(number, start)
            if array is not None:
                raise InvalidLines(array)

    def _release(self) -> bytes:
        """Check what was held, now that it is known whether it is one object over several lines."""
        held, self._held = bytes(self._held or b""), None
        self._may_hold = False
        number = self._number + 1
        first, *more = held[:_STEP].decode(errors="replace").split("\n")
        following = "\n".join(line for line in more if line.strip())
        other = request_checks.begins_long_object(number, first, following)
        if other is not None:
            raise InvalidLines(other)
        return self._lines(held)


class _Blank(Exception):
    """The line has nothing but spaces of Unicode."""


def _listed(problems: list[tuple[int, Wrong]], twice: Sequence[tuple[int, int]] = ()) -> str:
    listed = request_checks.listed(problems, twice)
    return f"{listed}; and maybe more" if len(problems) + len(twice) >= LISTED else listed


def _long_line(problem: str) -> Wrong:
    """Return what is wrong in a long line, from what the parser says of it."""
    if "recursion limit" in problem:
        return request_checks.too_deep()
    if "duplicate key" in problem:
        return Wrong("has a member twice in one object")
    if "EOF while parsing" in problem:
        return Wrong(request_checks.CUT_OFF)
    if "surrogate" in problem or "hex escape" in problem:
        return Wrong(request_checks.HALF_SURROGATE)
    if "unicode code point" in problem:
        return Wrong("is not UTF-8 text")
    return Wrong("is not JSON")
