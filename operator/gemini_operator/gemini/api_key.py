"""API keys: which strings can be one, and how keys are compared without revealing them."""

import hmac
import re

from pydantic import SecretStr

_KEY = re.compile(r"[\x21-\x7e]{20,512}")
# How the short-lived tokens of the Live API begin.
_EPHEMERAL = "auth_tokens/"


class InvalidKey(ValueError):
    """A string cannot be a Gemini API key. The message never contains it."""


def check(key: SecretStr) -> None:
    """Check that a string can be an API key.

    Raises:
        InvalidKey: it is not 20 to 512 visible ASCII characters (S4), or a token of the Live API.
    """
    value = key.get_secret_value()
    # For an empty key the SDK would use one that it finds in the environment.
    if not value:
        raise InvalidKey("the API key is empty; store a Gemini API key in the Secret")
    if not _KEY.fullmatch(value):
        raise InvalidKey(
            "the API key is not 20 to 512 visible ASCII characters; look for blanks, line breaks "
            "or a second encoding in the Secret"
        )
    if value.startswith(_EPHEMERAL):
        raise InvalidKey(
            "the API key is a short-lived token, which only the Live API takes; store an API key"
        )


def fingerprint(key: SecretStr, salt: str) -> str:
    """Return 16 hexadecimal digits that are equal for equal keys under one salt.

    They are the beginning of an HMAC-SHA256, so they reveal nothing else of the key.

    Args:
        key: the API key.
        salt: binds the fingerprint to something, such as the job's uid.
    """
    digest = hmac.digest(salt.encode(), key.get_secret_value().encode(), "sha256")
    return digest.hex()[:16]
