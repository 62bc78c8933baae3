"""Base64 with one spelling: a signature that could be written in two ways would be two tokens."""

import base64
import binascii


def decode(encoded: bytes, length: int) -> bytes | None:
    """Decode canonical base64 of `length` bytes; None for any other spelling or length."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if len(decoded) == length and base64.b64encode(decoded) == encoded else None
