"""The attempt token: what finds a batch again whose name was lost."""

import re
from typing import NamedTuple

_TOKEN = re.compile(r"(?:\A| )\[([0-9a-f]{8})-([0-9a-f]{16})\]\Z")


class Token(NamedTuple):
    """Whose attempt a batch is."""

    uid8: str
    attempt_id: str


def token_of(uid: str, attempt_id: str) -> Token:
    """The token of an object's attempt: the uid's first eight digits and the attempt's id."""
    return Token(uid[:8], attempt_id)


def display_name(display: str, uid: str, attempt_id: str) -> str:
    """The batch's display name: `<display> [<uid8>-<attempt id>]` (protocol P9).

    Args:
        display: what people see in Google's list; may be empty.
        uid: the object's `metadata.uid`.
        attempt_id: 16 hexadecimal digits.
    """
    token = token_of(uid, attempt_id)
    name = f"[{token.uid8}-{token.attempt_id}]"
    return f"{display} {name}" if display else name


def read_token(name: object) -> Token | None:
    """The token at the very end of a display name as Google sent it, None where there is none."""
    found = _TOKEN.search(name) if isinstance(name, str) else None
    return Token(found[1], found[2]) if found else None
