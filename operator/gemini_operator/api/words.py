"""Words that the status uses, each declared together with what it says to a person."""

from enum import StrEnum
from typing import Self


class Word(StrEnum):
    """A string whose declaration holds more: `NAME = "Value", …`; `__init__` takes what follows."""

    def __new__(cls, value: str, *_more: object) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        return member
