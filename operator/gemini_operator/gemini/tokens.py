"""The attempt token in a batch's display name, by which a batch is found whose name was lost."""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"(?:\A| )\[([0-9a-f]{8})-([0-9a-f]{16})\]\Z")


class Token(NamedTuple):
    """The object and the attempt that a batch was created for.

    Args:
        uid8: the first 8 digits of the object's uid.
        attempt_id: 16 hexadecimal digits.
    """

    uid8: str
    attempt_id: str


def token_of(uid: str, attempt_id: str) -> Token:
    """Return the token of an object's attempt."""
    return Token(uid[:8], attempt_id)


def display_name(display: str, uid: str, attempt_id: str) -> str:
    """Return the batch's display name: `<display> [<uid8>-<attempt id>]` (P9).

    Args:
        display: what users see in Google's list; may be empty.
        uid: the object's `metadata.uid`.
        attempt_id: 16 hexadecimal digits.
    """
    token = token_of(uid, attempt_id)
    name = f"[{token.uid8}-{token.attempt_id}]"
    return f"{display} {name}" if display else name


def read_token(name: object) -> Token | None:
    """Return the token at the very end of a display name, as Google sent it; `None` without one."""
    found = _TOKEN.search(name) if isinstance(name, str) else None
    return Token(found[1], found[2]) if found else None
