"""Cuts the results out of a batch that is too large for memory, while it is read.

Google sends inline results twice, in `metadata.output` and in `response` (`kinds.batch_resource`).
They are taken from the list that comes first, and left out of the other.
"""

import json
import re
from enum import Enum, auto

from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini.documents import MAX_DEPTH, RESULTS_DEPTH

ITEM_LIMIT = 64 * 2**20
"""Bytes of one result."""

SKELETON_LIMIT = 2**20
"""Bytes of a batch without its results."""

_STEP = 2**20
_MEMBERS = ("inlinedResponses", "inlinedEmbedContentResponses")
_LISTS = frozenset(
    (*parents, member, "inlinedResponses")
    for parents in (("metadata", "output"), ("response",))
    for member in _MEMBERS
)

# Possessive quantifiers never backtrack, so a match takes linear time.
_SPACE = re.compile(rb"[ \t\r\n]*+")
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(_STRING + rb'|[{}\[\]:,]|[^\s{}\[\]:,"]++', re.DOTALL)
# Up to the next bracket, the next string without an end, or the end.
_PLAIN = re.compile(rb'(?:[^"{}\[\]]++|%b)*+' % _STRING, re.DOTALL)
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SCALAR = re.compile(rb'[^\s{}\[\]:,"]++')

_QUOTE = frozenset(b'"')
_OPENING = frozenset(b"{[")
_BEGIN = _OPENING | _QUOTE
_SEPARATORS = frozenset(b",]")
_COMMA = 0x2C


class _Expected(Enum):
    """What may come next in a list."""

    ITEM_OR_END = auto()
    ITEM = auto()
    SEPARATOR = auto()


def _item(levels: int) -> bytes:
    pattern = rb'[\[{](?:[^\[\]{}"]++|%b)*+[\]}]' % _STRING
    for _ in range(levels - 1):
        pattern = rb'[\[{](?:[^\[\]{}"]++|%b|%b)*+[\]}]' % (_STRING, pattern)
    return pattern


# One whole item of few levels: several times as fast as bracket by bracket.
_ITEM = re.compile(_item(16), re.DOTALL)


class ResultItems:
    """Cuts the results out of one batch that arrives in pieces."""

    def __init__(self, *, item_limit: int = ITEM_LIMIT) -> None:
        self._item_limit = item_limit
        self._rest = b""
        """What the next piece continues."""
        self._skeleton = bytearray()
        self._keys: list[str | None] = []
        """Of each object around: the member that is being read. `None` for each list around."""
        self._last = b""
        self._closed = False
        self._in_list = False
        self._taking = False
        self._took = False
        self._expects = _Expected.ITEM_OR_END
        self._parts: list[bytes] | None = None
        """The beginning of a result that is not whole yet."""
        self._size = 0
        self._depth = 0
        self._in_string = False

    def feed(self, piece: bytes) -> list[bytes]:
        """Read the next piece, of any size, and return the results that it completes.

        Returns:
            JSON as Google sent it, each with the spaces and line ends in it.

        Raises:
            Undecodable: it is not JSON, is too deep, or has a result that is too large.
        """
        items: list[bytes] = []
        for at in range(0, len(piece), _STEP):
            data = self._rest + piece[at : at + _STEP]
            self._rest = data[self._read(data, items) :]
        return items

    def finish(self) -> bytes:
        """Return the batch without its results, for `documents.parse`: the lists of them are empty.

        Raises:
            Undecodable: the batch has no end.
        """
        if not self._closed or self._rest:
            raise Undecodable("not JSON: it is cut off")
        return bytes(self._skeleton)

    def _read(self, data: bytes, items: list[bytes]) -> int:
        """Read as far as possible, and return how far."""
        at, before = 0, -1
        while at < len(data) and at != before:
            before = at
            if self._parts is not None:
                at = self._continue(data, at, items)
            elif self._in_list:
                at = self._read_list(data, at, items)
            else:
                at = self._read_outside(data, at)
        return at

    # Outside of the lists of results

    def _read_outside(self, data: bytes, start: int) -> int:
        at = start
        while not self._in_list:
            begin = _end(_SPACE, data, at)
            token = _TOKEN.match(data, begin)
            if token is None:
                if begin < len(data) and data[begin] not in _QUOTE:
                    raise Undecodable("not JSON")
                # A string that the next piece continues, or nothing.
                self._check_skeleton(len(data) - at)
                return at if begin < len(data) or not self._closed else begin
            self._skeleton += data[at : token.end()]
            self._check_skeleton(0)
            self._take(token[0])
            at = token.end()
        return at

    def _check_skeleton(self, more: int) -> None:
        if len(self._skeleton) + more > SKELETON_LIMIT:
            raise Undecodable(f"more than {SKELETON_LIMIT} bytes without its results")

    def _take(self, token: bytes) -> None:
        if self._closed or not (self._keys or token == b"{"):
            raise Undecodable("not a JSON object")
        if token in (b"{", b"["):
            if token == b"[" and tuple(self._keys) in _LISTS:
                self._in_list, self._taking, self._expects = (
                    True,
                    not self._took,
                    _Expected.ITEM_OR_END,
                )
            self._keys.append(None)
            if len(self._keys) > MAX_DEPTH:
                raise Undecodable(f"not JSON of at most {MAX_DEPTH} levels")
        elif token in (b"}", b"]"):
            self._keys.pop()
            self._closed = not self._keys
        elif token == b":":
            self._keys[-1] = _text(self._last)
        self._last = token

    # Lists of results

    def _read_list(self, data: bytes, start: int, items: list[bytes]) -> int:
        at = start
        while self._in_list and self._parts is None:
            at = _end(_SPACE, data, at)
            if at == len(data):
                break
            if data[at] in _SEPARATORS:
                self._separate(data[at])
                at += 1
                continue
            begin, at = at, self._read_item(data, at, items)
            if at == begin:
                break
        return at

    def _separate(self, byte: int) -> None:
        if byte == _COMMA and self._expects is _Expected.SEPARATOR:
            self._expects = _Expected.ITEM
        elif byte != _COMMA and self._expects is not _Expected.ITEM:
            self._in_list = False
            self._skeleton += b"]"
            self._take(b"]")
        else:
            raise Undecodable("not JSON")

    def _read_item(self, data: bytes, at: int, items: list[bytes]) -> int:
        """Read a result, or the beginning of one, and return where it ends."""
        byte = data[at]
        found = _ITEM.match(data, at) or _SCALAR.match(data, at)
        if self._expects is _Expected.SEPARATOR or (found is None and byte not in _BEGIN):
            raise Undecodable("not JSON")
        if found is None:
            self._parts, self._size, self._depth, self._in_string = [], 0, 0, False
            return self._continue(data, at, items)
        if found.end() == len(data) and byte not in _BEGIN:
            # The next piece may continue a number or a word.
            self._check_skeleton(len(data) - at)
            return at
        self._add(found[0], items)
        return found.end()

    def _add(self, item: bytes, items: list[bytes]) -> None:
        self._check_item(len(item))
        if self._taking:
            items.append(item)
            self._took = True
        self._expects = _Expected.SEPARATOR

    def _check_item(self, size: int) -> None:
        if self._taking and size > self._item_limit:
            raise Undecodable(f"a result has more than {self._item_limit} bytes")

    def _continue(self, data: bytes, start: int, items: list[bytes]) -> int:
        """Read on in a result that is not whole, bracket by bracket."""
        at, whole = self._scan(data, start)
        parts = self._parts or []
        if self._taking:
            parts.append(data[start:at])
        self._size += at - start
        self._check_item(self._size)
        if whole:
            self._parts = None
            self._add(b"".join(parts), items)
        else:
            self._parts = parts
        return at

    def _scan(self, data: bytes, start: int) -> tuple[int, bool]:
        """Return where the result ends, or what was read of it ends, and whether it is whole."""
        at = start
        while at < len(data):
            if self._in_string:
                at = _end(_REST_OF_STRING, data, at)
                # Half an escape stays for the next piece.
                if at == len(data) or data[at] not in _QUOTE:
                    break
                self._in_string = False
            else:
                at = _end(_PLAIN, data, at) if self._depth else at
                if at == len(data):
                    break
                self._enter(data[at])
            at += 1
            if not self._depth and not self._in_string:
                return at, True
        return at, False

    def _enter(self, byte: int) -> None:
        """Count a bracket, or begin a string that has no end yet."""
        if byte in _QUOTE:
            self._in_string = True
        elif byte in _OPENING:
            self._depth += 1
            if self._depth > RESULTS_DEPTH:
                raise Undecodable(f"not JSON of at most {RESULTS_DEPTH} levels")
        else:
            self._depth -= 1


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    """Return where a match ends, of a pattern that matches everywhere."""
    found = pattern.match(data, at)
    return found.end() if found else at


def _text(token: bytes) -> str | None:
    """Return the name of a member; `None` if it is none, which `documents.parse` will refuse."""
    try:
        text = json.loads(token)
    except ValueError:
        return None
    return text if isinstance(text, str) else None
