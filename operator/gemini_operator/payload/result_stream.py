"""Counts the results of a file that is too large for memory, while they are delivered unchanged."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import jiter

from gemini_operator.payload import json_lines, matching, results
from gemini_operator.payload.key_digests import KeyDigests
from gemini_operator.payload.request_stream import REQUEST_LIMIT
from gemini_operator.payload.results import BatchResult, ResultKind

LINE_LIMIT = 16 * 2**20
"""Bytes of a result that is parsed, as of a request: as text it may take four times as much memory."""

_STEP = 2**20
_KINDS = tuple(ResultKind)
_NUMBER_OF = {kind: number for number, kind in enumerate(_KINDS)}


@dataclass(frozen=True)
class ResultCounts:
    """What a results file has, as it is delivered.

    Attributes:
        kinds: requests by what became of them.
        bytes: of the file.
        sha256: of the file, in hexadecimal.
        repeated: results that have the key of an earlier one, whose requests were counted with that.
        foreign: lines that are nobody's result, as far as anybody can tell.
    """

    kinds: Counter[ResultKind]
    bytes: int
    sha256: str
    repeated: int = 0
    foreign: int = 0

    @property
    def records(self) -> int:
        """Lines that are not blank, each of which is a result."""
        return self.kinds.total() + self.repeated


class ResultStream:
    """Counts one results file that arrives in pieces.

    A line of more than `line_limit` bytes is not kept to be parsed, nor is one of very many values.
    It counts as succeeded if it begins and ends as a JSON object: only content is ever so large, and
    errors, blocked and empty results are short. Otherwise it counts as unreadable.
    """

    def __init__(
        self,
        *,
        unique_keys: bool = False,
        line_limit: int = LINE_LIMIT,
        key_limit: int = REQUEST_LIMIT,
    ) -> None:
        """Begin a file.

        Args:
            unique_keys: whether each request has a key of its own, so that results of one key are of
                one request.
            line_limit: bytes of a line that is parsed.
            key_limit: keys that are remembered, in 12 bytes of memory each.
        """
        self._line_limit = line_limit
        self._key_limit = key_limit if unique_keys else 0
        self._keys = KeyDigests()
        self._tail = bytearray()
        self._long: bool | None = None
        """Of a line that is too long: whether it begins as an object. `None` in other lines."""
        self._last = b""
        """The last bytes of a line that is too long."""
        self._kinds: Counter[ResultKind] = Counter()
        self._foreign = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        self._ends = True

    def feed(self, piece: bytes) -> bytes:
        """Count the results in the next piece, of any size, and return what to deliver: the piece."""
        for at in range(0, len(piece), _STEP):
            self._lines(piece[at : at + _STEP])
        return self._delivered(piece)

    def finish(self) -> tuple[bytes, ResultCounts]:
        """Return the last bytes to deliver, which are a missing line end, and what was counted."""
        rest = b""
        if not self._ends:
            self._lines(b"\n")
            rest = self._delivered(b"\n")
        repeated = Counter(_KINDS[number] for number in self._keys.repeated())
        kinds = self._kinds - repeated
        digest = self._digest.hexdigest()
        return rest, ResultCounts(kinds, self._bytes, digest, repeated.total(), self._foreign)

    def _delivered(self, piece: bytes) -> bytes:
        if piece:
            self._ends = piece.endswith(b"\n")
        self._bytes += len(piece)
        self._digest.update(piece)
        return piece

    def _lines(self, data: bytes) -> None:
        if self._long is not None:
            end = data.find(b"\n")
            self._last = (self._last + (data if end < 0 else data[:end]).rstrip())[-1:]
            if end < 0:
                return
            self._count_long()
            data = data[end + 1 :]
        end = data.rfind(b"\n") + 1
        if end:
            self._tail += data[:end]
            whole = bytes(self._tail)
            self._tail = bytearray()
            for line in whole.split(b"\n"):
                if line and not line.isspace():
                    self._count(line)
        self._tail += data[end:]
        if len(self._tail) > self._line_limit:
            self._begin_long(self._tail)
            self._tail = bytearray()

    def _count(self, line: bytes) -> None:
        if _too_much(line, self._line_limit):
            self._begin_long(line)
            self._count_long()
        else:
            result = _read(line)
            kind = results.kind_of(result)
            self._kinds[kind] += 1
            self._foreign += not result.is_any
            if self._keys.count < self._key_limit and (key := result.request_key) is not None:
                self._keys.add(key, _NUMBER_OF[kind])

    def _begin_long(self, line: bytes | bytearray) -> None:
        self._long = line[:_STEP].lstrip()[:1] == b"{"
        self._last = bytes(line[-_STEP:]).rstrip()[-1:]

    def _count_long(self) -> None:
        whole = self._long and self._last == b"}"
        self._kinds[ResultKind.SUCCEEDED if whole else ResultKind.UNREADABLE] += 1
        self._foreign += not whole
        self._long = None
        self._last = b""


def encode_item(raw: bytes) -> bytes:
    """Return the results line of one inline item of Google's answer.

    Args:
        raw: JSON, over one line or several: `{"metadata": {"key": …}, "response": {…}}`.

    Returns:
        `{"key": …, "response": {…}}` and a line end. If it cannot be written as JSON, or if it has
        neither a response nor an error, the line has an error that says so. What takes too much
        memory to be parsed is as Google sent it, in one line.
    """
    if _too_much(raw, LINE_LIMIT):
        # In JSON a line break is never within a string.
        return raw.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
    return matching.unmatched_line(_result_of(raw)).encode()


def _result_of(raw: bytes) -> BatchResult:
    item = _parsed(raw)
    if item is not None:
        return results.of_writable(item)
    try:
        other = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return BatchResult(problem="it is not JSON")
    # An item that is no object has nothing in it, as in results that are read at once.
    return results.of_item(other if isinstance(other, dict) else {})


def _too_much(line: bytes, limit: int) -> bool:
    """Return whether a result would take hundreds of MiB, or hold up the event loop, once parsed."""
    return len(line) > limit or json_lines.has_many_values(line)


def _read(line: bytes) -> BatchResult:
    item = _parsed(line)
    return results.of_line(line) if item is None else results.of_writable(item)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line that can be written as JSON again; `None` if that is not certain."""
    try:
        item = jiter.from_json(line, allow_inf_nan=False, cache_mode="keys")
    except ValueError:
        return None
    return item if type(item) is dict and not json_lines.has_infinite(item) else None
