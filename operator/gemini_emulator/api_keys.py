"""The project that an API key belongs to. Batches and files belong to projects.

`emulator-<project>-<anything>` is a key of `<project>`: `emulator-demo-0000000001` and
`emulator-demo-0000000002` are two keys of one project, as after a key rotation. A key without a
second dash has a project of its own. `emulator-unauthenticated-…` is refused with 401 and
`emulator-forbidden-…` with 403.
"""

import hashlib
import re

from gemini_emulator.errors import ApiError

_KEY = re.compile(r"emulator-[\x21-\x7e]{11,503}", re.ASCII)
_PROJECT = re.compile(r"[A-Za-z0-9_]{1,40}", re.ASCII)
_REFUSED = {
    "unauthenticated": (
        401,
        "Request had invalid authentication credentials.",
        "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    ),
    "forbidden": (403, "The caller does not have permission", "SERVICE_DISABLED"),
}


def project_of_key(key: str | None) -> str:
    """Return the project of an API key.

    Google refuses an unknown key with 400, not 401
    (https://firebase.google.com/docs/ai-logic/error-codes).

    Raises:
        ApiError: the key is missing, unknown or refused.
    """
    if not key:
        raise ApiError(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API.",
        )
    if _KEY.fullmatch(key) is None:
        raise _refused(400, "API key not valid. Please pass a valid API key.", "API_KEY_INVALID")
    first, _, rest = key.removeprefix("emulator-").partition("-")
    if rest and first in _REFUSED:
        raise _refused(*_REFUSED[first])
    if rest and _PROJECT.fullmatch(first):
        return first
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:16]


def _refused(code: int, message: str, reason: str) -> ApiError:
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    return ApiError(code, message, details=[info])
