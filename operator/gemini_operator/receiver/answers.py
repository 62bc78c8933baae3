"""What the receiver answers: a status for each result, and nothing that depends on the request.

2xx: the event is durable in the API server, or provably irrelevant. 503: neither could be
established. 4xx: the caller's fault. Never 3xx, which senders count as a failure, and never 410,
which may disable an endpoint (Standard Webhooks 1.0.0).
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from aiohttp import web

DEFAULT_RETRY_AFTER = 5.0
MAX_RETRY_AFTER = 3600.0


class Result(StrEnum):
    """What became of a request; the word of metrics and logs."""

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
    """It was the oldest unverified request when a newer one needed the room."""
    BUSY = "busy"
    NO_KEYS = "no_keys"
    CONFLICT = "conflict"
    DENIED = "denied"
    """The API server's admission or schema refused the write: a fault of the installation."""
    FORBIDDEN = "forbidden"
    """The receiver may not write: a fault of the installation."""
    NOT_SERVED = "not_served"
    """The API server does not know jobs or their status: a fault of the installation."""
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
# The rest of these requests is not worth reading, or cannot be told from a next one.
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
class Answer:
    """A result, and in how many seconds a retry makes sense where it does."""

    result: Result
    retry_after: float | None = None

    @property
    def status(self) -> int:
        return STATUS.get(self.result, 503)


class Refused(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, result: Result, retry_after: float | None = None) -> None:
        super().__init__(result.value)
        self.answer = Answer(result, retry_after)


def response(answer: Answer) -> web.Response:
    """The HTTP form of an answer; its body depends on the status alone."""
    status = HTTPStatus(answer.status)
    headers = {"Server": "gemini-operator", **_HEADERS.get(status, {})}
    if status in (429, 503):
        wait = answer.retry_after if answer.retry_after is not None else DEFAULT_RETRY_AFTER
        headers["Retry-After"] = str(math.ceil(min(max(wait, 1.0), MAX_RETRY_AFTER)))
    made = web.Response(status=status, text=f"{status.phrase}\n", headers=headers)
    if answer.result in _CLOSING:
        made.force_close()
    return made
