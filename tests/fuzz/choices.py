"""Read a structure from a fuzzer's bytes: numbers choose, and what is left is text.

The engine's own provider would do the same, but the tests replay the corpus without the engine.
"""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

MAX_EDITS = 8


class Choices:
    """Consumes the bytes from the front. An input that has ended chooses 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def ended(self) -> bool:
        return self._at >= len(self._data)

    def number(self) -> int:
        """0 to 255."""
        (value,) = self.take(1) or b"\0"
        return value

    def pick(self, values: Sequence[T]) -> T:
        return values[self.number() % len(values)]

    def take(self, length: int) -> bytes:
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def short(self) -> bytes:
        """Up to 255 bytes, behind their length."""
        return self.take(self.number())

    def rest(self) -> bytes:
        return self.take(len(self._data))


def edited(original: bytes, choices: Choices) -> bytes:
    """Return the bytes after a few edits; without edits, which 0 stands for, they are unchanged."""
    found = bytearray(original)
    for _ in range(choices.number() % MAX_EDITS):
        at = _position(len(found), choices)
        match choices.number() % 6:
            case 0:
                found[at : at + 1] = bytes([choices.number()])
            case 1:
                found[at:at] = choices.take(1 + choices.number() % 4)
            case 2:
                del found[at : at + 1 + choices.number()]
            case 3:
                found[at:at] = found[at : at + choices.number()]
            case 4:
                found[at : at + 1] = bytes(
                    byte ^ (1 << choices.number() % 8) for byte in found[at : at + 1]
                )
            case _:
                del found[at:]
                found += choices.short()
    return bytes(found)


def _position(length: int, choices: Choices) -> int:
    return int.from_bytes(choices.take(2), "big") % (length + 1)
