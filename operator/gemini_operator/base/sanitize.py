"""Makes text and numbers from outside safe to store, show and log (S22).

Google's answers and the bodies of callbacks may be a megabyte long, have terminal escapes, or echo
the callback address and the API key that were sent.
"""

import re
from collections.abc import Iterable

MESSAGE_LIMIT = 1024
STATE_LIMIT = 64
MAX_COUNT = 2**63 - 1
MASK = "[redacted]"

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+"
)
# What comes before the path is limited: a line full of "http://" would take quadratic time.
_CALLBACK = re.compile(
    r"(?:https?:(?://|\\/\\/)[^\s\"'<>]{0,300}?)?"
    r"(?:/|\\/|%2[fF])v1(?:/|\\/|%2[fF])callbacks[^\s\"'<>]*"
)
# No word boundary before Google's: "key%3DAIza…" has a key too.
_API_KEY = re.compile(
    r"AIza[0-9A-Za-z_-]{10,}|(?:(?<![\w-])|(?<=%3[dD]))emulator-[0-9A-Za-z._~-]{11,}"
    r"|(?:\b|(?<=%3[dD]))AQ\.[0-9A-Za-z_-]{10,}"
)
# One of them is in whatever the pattern matches.
_SIGNS_OF_API_KEYS = "AIza", "emulator-", "AQ."
_STATE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_DECIMAL = re.compile(r"[0-9]{1,30}")


def text(value: object, limit: int = MESSAGE_LIMIT, *, secrets: Iterable[str] = ()) -> str:
    """Return `value` on one line, without control characters and secrets.

    Args:
        value: anything; `None` becomes the empty string.
        limit: characters of the result, with the ellipsis of a text that is cut.
        secrets: further strings to mask, such as the API key in use.
    """  # Cut generously first: most of a long text may be control characters.
    raw = "" if value is None else str(value)[: 16 * limit]
    # Before the masks, which would not recognise a secret with an escape sequence in its middle.
    line = _CONTROL.sub(" ", _ANSI.sub("", raw))
    for secret in secrets:
        if secret:
            line = line.replace(secret, MASK)
    line = mask(line).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def mask(line: str) -> str:
    """Return `line` with all callback addresses, and all that looks like an API key, replaced."""
    # Each log line is masked, and nearly none has a secret.
    if "callbacks" in line:
        line = _CALLBACK.sub(MASK, line)
    if any(sign in line for sign in _SIGNS_OF_API_KEYS):
        line = _API_KEY.sub(MASK, line)
    return line


def state(value: object) -> str:
    """Return Google's word for a state, at most 64 of `A-Z 0-9 _`; otherwise `UNKNOWN`."""
    return value if isinstance(value, str) and _STATE.fullmatch(value) else "UNKNOWN"


def count(value: object) -> int:
    """Return a number of requests from an integer or a decimal string, limited to 0 … 2⁶³-1.

    Any other value is 0.
    """  # A bool is an int in Python.
    if isinstance(value, bool):
        return 0
    if isinstance(value, str) and value.isascii() and value.isdigit():
        # `int` refuses a string of more than 4300 digits.
        value = int(value) if _DECIMAL.fullmatch(value) else MAX_COUNT
    if not isinstance(value, int):
        return 0
    return min(max(value, 0), MAX_COUNT)
