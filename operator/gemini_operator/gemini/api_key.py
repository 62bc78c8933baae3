"""API keys: which strings can be one, and how two are compared without showing either."""

import hmac
import re

from pydantic import SecretStr

_KEY = re.compile(r"[\x21-\x7e]{20,512}")
_EPHEMERAL = "auth_tokens/"


class InvalidKey(ValueError):
    """A string that cannot be a Gemini API key; the message never contains it."""


def check(key: SecretStr) -> None:
    """Refuse what must not reach the SDK, which would take an empty key from the environment.

    Raises:
        InvalidKey: not 20 to 512 visible ASCII characters (rule S4), or a token of the Live API.
    """
    value = key.get_secret_value()
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
    """16 hexadecimal digits that are equal for equal keys under one salt, and tell nothing else.

    Args:
        salt: what the fingerprint is bound to, such as the job's uid.
    """
    digest = hmac.digest(salt.encode(), key.get_secret_value().encode(), "sha256")
    return digest.hex()[:16]
