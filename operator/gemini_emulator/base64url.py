"""base64url without padding, as JSON Web Keys and Tokens write bytes (RFC 7515, section 2)."""

import base64


def encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
