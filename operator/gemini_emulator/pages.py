"""Lists in pages: newest first, with an opaque token that names the last item shown."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Protocol, TypeVar

from gemini_emulator.errors import invalid_argument


class Listed(Protocol):
    """Something that a list shows."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> float: ...


T = TypeVar("T", bound=Listed)


def page(items: Sequence[T], size: int, token: str) -> tuple[list[T], str]:
    """Answer with one page and the token of the next one, which is empty at the end."""
    after = _position(token) if token else None
    ordered = sorted(items, key=_order)
    rest = [item for item in ordered if after is None or _order(item) > after]
    shown = rest[:size]
    return shown, _token(shown[-1]) if len(rest) > size else ""


def page_size(text: str | None, *, default: int, most: int) -> int:
    """Read a page size: 0 and none mean the default, too many mean the most allowed."""
    try:
        size = int(text or 0)
    except ValueError:
        size = -1
    if size < 0:
        raise invalid_argument("Invalid value for page_size: a number of at least 0 is expected.")
    return min(size or default, most)


def _order(item: Listed) -> tuple[float, str]:
    return -item.created, item.id


def _token(item: Listed) -> str:
    return base64.urlsafe_b64encode(json.dumps(_order(item)).encode()).decode()


def _position(token: str) -> tuple[float, str]:
    try:
        created, identity = json.loads(base64.urlsafe_b64decode(token.encode()))
        return float(created), str(identity)
    except (binascii.Error, ValueError, TypeError) as error:
        raise invalid_argument("Invalid page token.") from error
