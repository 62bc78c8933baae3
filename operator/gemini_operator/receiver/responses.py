"""The receiver's responses: one status for each result, and nothing that depends on the request.

- 2xx: the API server has the event, or no job can ever need it.
- 4xx: the sender made a mistake.
- 503: neither is known, so the sender has to retry.

A response is never 3xx, which senders count as a failure, and never 410, which may disable an
endpoint (Standard Webhooks 1.0.0).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from aiohttp import web

# Seconds.
DEFAULT_RETRY_AFTER = 5.0
MAX_RETRY_AFTER = 3600.0


class Result(StrEnum):
    """The result of a request, as metrics and logs name it."""

    RECORDED = "recorded"
    IRRELEVANT = "irrelevant"
    MALFORMED = "malformed"
    BAD_HEADERS = "bad_headers"
    STALE = "stale"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_ADDRESS = "unknown_address"
    BAD_METHOD = "bad_method"
    SLOW_BODY = "slow_body"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"
    BAD_EXPECTATION = "bad_expectation"
    OVER_BUDGET = "over_budget"
    EVICTED = "evicted"
    """The oldest unverified request, given up as a newer one came and the limit was reached."""
    BUSY = "busy"
    NO_KEYS = "no_keys"
    CONFLICT = "conflict"
    DENIED = "denied"
    """The API server's admission or schema refused the write. The installation has to be fixed."""
    FORBIDDEN = "forbidden"
    """The receiver has no right to write. The installation has to be fixed."""
    NOT_SERVED = "not_served"
    """The API server does not serve jobs or their status. The installation has to be fixed."""
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


STATUS = {
    Result.RECORDED: 200,
    Result.IRRELEVANT: 200,
    Result.MALFORMED: 400,
    Result.BAD_HEADERS: 400,
    Result.STALE: 400,
    Result.BAD_SIGNATURE: 401,
    Result.UNKNOWN_ADDRESS: 404,
    Result.BAD_METHOD: 405,
    Result.SLOW_BODY: 408,
    Result.TOO_LARGE: 413,
    Result.ENCODED: 415,
    Result.BAD_EXPECTATION: 417,
    Result.OVER_BUDGET: 429,
}
"""503 for every other result."""

_HEADERS = {401: {"WWW-Authenticate": "Webhook-Signature"}, 405: {"Allow": "POST"}}
# The rest of these requests is not read, or cannot be told from the next request.
_CLOSING = frozenset(
    {
        Result.MALFORMED,
        Result.SLOW_BODY,
        Result.TOO_LARGE,
        Result.ENCODED,
        Result.BAD_EXPECTATION,
        Result.EVICTED,
    }
)


@dataclass(frozen=True, slots=True)
class CallbackResponse:
    """The response to a callback.

    Args:
        result: decides the status.
        retry_after: seconds after which the sender should retry; None for the default.
    """

    result: Result
    retry_after: float | None = None

    @property
    def status(self) -> int:
        return STATUS.get(self.result, 503)


class Refused(Exception):
    """The request is refused with this response."""

    def __init__(self, result: Result, retry_after: float | None = None) -> None:
        super().__init__(result.value)
        self.response = CallbackResponse(result, retry_after)


def http_response(response: CallbackResponse) -> web.Response:
    """Return the HTTP response. Its body depends on the status only."""
    status = HTTPStatus(response.status)
    headers = {"Server": "gemini-operator", **_HEADERS.get(status, {})}
    if status in (429, 503):
        wait = response.retry_after if response.retry_after is not None else DEFAULT_RETRY_AFTER
        headers["Retry-After"] = str(math.ceil(min(max(wait, 1.0), MAX_RETRY_AFTER)))
    made = web.Response(status=status, text=f"{status.phrase}\n", headers=headers)
    if response.result in _CLOSING:
        made.force_close()
    return made
