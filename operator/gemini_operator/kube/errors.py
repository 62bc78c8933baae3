"""What the API server refuses, and what keeps it from answering, as a small taxonomy.

Sources: the Status object (`metav1.Status`: code, reason, message, details.causes,
details.retryAfterSeconds) and, for what was tried, protocol A and P22.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from gemini_operator.base import sanitize

MAX_RETRY_AFTER = 3600.0


class KubeError(Exception):
    """A request that did not do what was asked.

    `status` is the HTTP status, 0 when there was no answer; `reason` the API server's CamelCase
    word; `message` is one line, fit for logs and statuses.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.reason = sanitize.text(reason, 64)
        self.message = sanitize.text(message)
        self.retry_after = retry_after
        """Seconds the server asked to wait, 0 to 3600, where it did."""
        super().__init__(f"{self.reason}: {self.message}")


class BadName(KubeError):
    """A name that cannot be a segment of a path (rule S3). Nothing was sent."""


class ObjectNotFound(KubeError):
    """404: the object, its namespace or its kind is not there.

    `missing` is the group, plural kind and name of the object, where the answer names one. Without
    it the 404 is not about an object: the kind is not served, or a proxy has lost its way.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        missing: tuple[str, str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(status, reason, message, retry_after=retry_after)
        self.missing = missing


class Conflict(KubeError):
    """409: the object changed, or is another one than the precondition names. Read again."""


class AlreadyExists(KubeError):
    """409 on create: an object of this name is there. Not a `Conflict`: reading again won't help."""


class Invalid(KubeError):
    """422. Without causes a JSON patch's `test` failed; with causes a schema or a policy refused."""

    def __init__(self, reason: str, message: str, *, has_causes: bool) -> None:
        super().__init__(422, reason, message)
        self.has_causes = has_causes


class Forbidden(KubeError):
    """403: a missing right, an exceeded quota, or a namespace that is being deleted."""

    def __init__(self, reason: str, message: str, *, namespace_terminating: bool) -> None:
        super().__init__(403, reason, message)
        self.namespace_terminating = namespace_terminating


class Unauthorized(KubeError):
    """401: the token or certificate is not accepted (any more)."""


class TooManyRequests(KubeError):
    """429: the API server asks for fewer requests; see `retry_after`. Nothing was done."""


class ApiServerUnavailable(KubeError):
    """No answer, a broken one, or a 5xx. Whether a write was done is unknown."""


class AnswerTooLarge(ApiServerUnavailable):
    """An answer was cut off at the client's limit. Another try will be, too."""


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> KubeError:
    """The error that an answer of status 300 or more stands for. Never raises."""
    answer = _status_object(body)
    details = _dict(answer.get("details"))
    reason = str(answer.get("reason") or f"Status{status}")
    message = str(answer.get("message") or f"the API server answered {status} without a message")
    causes = _causes(details)
    if status == 422:
        return Invalid(reason, message, has_causes=bool(causes))
    if status == 403:
        terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
        return Forbidden(reason, message, namespace_terminating=terminating)
    wait = _retry_after(headers, details)
    if status == 404:
        return ObjectNotFound(
            status, reason, message, missing=_missing(reason, details), retry_after=wait
        )
    return _kind(status, reason)(status, reason, message, retry_after=wait)


def _kind(status: int, reason: str) -> type[KubeError]:
    if status == 409:
        return AlreadyExists if reason == "AlreadyExists" else Conflict
    if status >= 500:
        return ApiServerUnavailable
    return {401: Unauthorized, 429: TooManyRequests}.get(status, KubeError)


def _missing(reason: str, details: Mapping[str, Any]) -> tuple[str, str, str] | None:
    named = tuple(details.get(member) for member in ("group", "kind", "name"))
    match named:
        case (str(group), str(kind), str(name)) if reason == "NotFound" and kind and name:
            return group, kind, name
    return None


def _status_object(body: bytes) -> dict[str, Any]:
    try:
        return _dict(json.loads(body))
    except (ValueError, RecursionError):
        return {}


def _causes(details: Mapping[str, Any]) -> list[dict[str, Any]]:
    causes = details.get("causes")
    return [_dict(cause) for cause in causes] if isinstance(causes, list) else []


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _retry_after(headers: Mapping[str, str], details: Mapping[str, Any]) -> float | None:
    """Seconds. The header wins over the Status object; the date form of the header is not used."""
    for value in (headers.get("Retry-After"), details.get("retryAfterSeconds")):
        try:
            seconds = float(value) if value is not None else math.nan
        except (TypeError, ValueError):
            continue
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), MAX_RETRY_AFTER)
    return None
