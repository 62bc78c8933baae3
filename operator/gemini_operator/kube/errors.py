"""Errors of requests to the API server: its refusals, and the failures to get an answer.

Source: the Status object (`metav1.Status`: code, reason, message, details.causes,
details.retryAfterSeconds). That a failed `test` of a JSON patch is a 422 without causes was found
by trying it on a kube-apiserver.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from gemini_operator.base import sanitize

# Seconds. A longer wait that a server, or a proxy before it, asks for is cut to this.
MAX_RETRY_AFTER = 3600.0


class KubeError(Exception):
    """A request failed.

    Args:
        status: the HTTP status; 0 without an answer.
        reason: the API server's CamelCase reason.
        message: one line, sanitised for logs and statuses.
        retry_after: seconds that the server asked to wait.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, retry_after: float | None = None
    ) -> None:
        self.status = status
        self.reason = sanitize.text(reason, 64)
        self.message = sanitize.text(message)
        self.retry_after = retry_after
        """Seconds that the server asked to wait, 0 to 3600; `None` if it did not."""
        super().__init__(f"{self.reason}: {self.message}")


class BadName(KubeError):
    """A name cannot be a segment of a path (S3). Nothing was sent."""


class ObjectNotFound(KubeError):
    """404: the object, its namespace or its kind does not exist.

    Args:
        missing: group, plural kind and name of the object, if the answer names one. Without them
            the 404 is not about an object: the kind is not served, or the answer is a proxy's
            (decision 0012).
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
    """409: the object has changed, or does not meet the precondition. Read it again."""


class AlreadyExists(KubeError):
    """409 on create: an object of this name exists. Not a `Conflict`: a retry does not help."""


class Invalid(KubeError):
    """422: with causes a schema or policy refused; without, a `test` of a JSON patch failed."""

    def __init__(self, reason: str, message: str, *, has_causes: bool) -> None:
        super().__init__(422, reason, message)
        self.has_causes = has_causes


class Forbidden(KubeError):
    """403: missing permission, exceeded quota, or a namespace that is being deleted."""

    def __init__(self, reason: str, message: str, *, namespace_terminating: bool) -> None:
        super().__init__(403, reason, message)
        self.namespace_terminating = namespace_terminating


class Unauthorized(KubeError):
    """401: the token or certificate is not accepted, or no longer."""


class TooManyRequests(KubeError):
    """429: the API server asks for fewer requests; see `retry_after`. Nothing was done."""


class ApiServerUnavailable(KubeError):
    """No answer, a broken answer, or a 5xx. Whether a write was done is unknown."""


class AnswerTooLarge(ApiServerUnavailable):
    """The answer exceeds the client's limit, and a retry would exceed it too."""


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> KubeError:
    """Return the error for an answer of status 300 or more. Never raises.

    Args:
        status: the HTTP status.
        headers: of the answer.
        body: a Status object, or anything.
    """
    answer = _status_object(body)
    details = _dict(answer.get("details"))
    reason = str(answer.get("reason") or f"Status{status}")
    message = str(answer.get("message") or f"the API server answered {status} without a message")
    causes = _causes(details)
    # A failed `test` of a JSON patch has no causes, a refusal by schema or policy has.
    if status == 422:
        return Invalid(reason, message, has_causes=bool(causes))
    if status == 403:
        # Admission refuses to create objects in a namespace that is being deleted.
        terminating = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
        return Forbidden(reason, message, namespace_terminating=terminating)
    wait = _retry_after(headers, details)
    if status == 404:
        return ObjectNotFound(
            status, reason, message, missing=_missing(reason, details), retry_after=wait
        )
    return _kind(status, reason)(status, reason, message, retry_after=wait)


def _kind(status: int, reason: str) -> type[KubeError]:
    # Both are 409; only the reason tells them apart.
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
    """Return the seconds to wait, from the header or else from the Status object.

    The header's date form is ignored, as the API server does not use it.
    """
    for value in (headers.get("Retry-After"), details.get("retryAfterSeconds")):
        try:
            seconds = float(value) if value is not None else math.nan
        except (TypeError, ValueError):
            continue
        # "nan" and "inf" are floats for Python.
        if math.isfinite(seconds):
            return min(max(seconds, 0.0), MAX_RETRY_AFTER)
    return None
