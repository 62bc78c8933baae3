"""Classifies answers of Google, and failures to get one, as `GeminiError`s; nothing else does."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from gemini_operator.base import sanitize
from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import documents, errors

MAX_WAIT = 3600.0
"""Seconds. A longer wait that Google asks for is cut to this."""

_DELAY = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,9})?)s?")
# There was no connection, so no byte of the request was sent (decision 0003).
_UNCONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
# Matched at the beginning of Google's sentence only: further on, it may be a name a user chose.
_KEY_TROUBLE = re.compile(r"\s*(?:the )?api key (?:not valid|not found|expired)", re.IGNORECASE)

# Reasons of google.rpc.ErrorInfo that are about an API key or its project. Source:
# https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto.
_KEY_REASONS = (
    "API_KEY_",
    "CONSUMER_",
    "SERVICE_DISABLED",
    "BILLING_",
    "ACCESS_TOKEN_",
    "LOCATION_",
)
_PROJECT = re.compile(
    r"\bapi[ _-]?key\b|\bprojects?\b|\bbilling\b|\bconsumer\b|\bunregistered callers\b"
    r"|\blocations?\b|\bregions?\b|\bcountry\b|\bhas not been used\b",
    re.IGNORECASE,
)
# The words that decide once the names are removed.
_FILE = re.compile(r"\bfiles?\b", re.IGNORECASE)
_FILE_NAME = re.compile(r"\bfiles/[\w-]")
_OF_THE_REQUEST = re.compile(
    r"\b(?:tuned)?models?\b|\bcached ?contents?\b|\bcorpora\b", re.IGNORECASE
)
_FILE_STORAGE = "/file_storage_bytes"
_METRIC = re.compile(r"\bfor metric: ([\w./-]+)")
# Names in Google's text, which are removed before its words are searched, as users choose them. A
# quoted name reaches to the last quote of its kind, since it may contain quotes.
_NAMES = re.compile(r"\b\w+://\S+|(?<=[\w-]/)[^\s/,;]+|(?<!\w)'.*'(?!\w)|\".*\"|`.*`", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer, its body decompressed and within the limits."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def of_answer(
    answer: Answer, *, call: str, creating: bool = False, secrets: Iterable[str] = ()
) -> errors.GeminiError:
    """Return the error for an answer other than a 200.

    For a create, every answer that is not surely a refusal is `Ambiguous` (P10; the table is in
    docs/submission.md).

    Args:
        answer: Google's.
        call: for the message, such as `batches.create`.
        creating: a repetition could create a second, paid batch.
        secrets: texts that Google may echo and that are removed from the message.
    """
    said = _said(answer.body)
    words = sanitize.text(_in_one_line(said.get("message")), secrets=secrets)
    status = said.get("status")
    message = f"{call}: Google answered {answer.status}"
    if isinstance(status, str):
        message += f" {sanitize.state(status)}"
    if words:
        message += f": {words}"
    kind = (_create_kind if creating else _kind)(answer.status, said)
    return kind(message, status=answer.status, retry_after=_wait(answer.headers, said))


def of_exception(
    error: Exception, *, call: str, creating: bool = False, secrets: Iterable[str] = ()
) -> errors.GeminiError:
    """Return the error for an exception of a call, from whichever library.

    The SDK's errors and httpx2's status errors have the answer in `.response`. Others are failures
    of the connection, timeouts, or unexpected. Raise the result `from None`, because the cause may
    quote the API key.

    Args:
        error: what the call raised.
        call: for the message, such as `batches.create`.
        creating: a repetition could create a second, paid batch.
        secrets: texts that are removed from the message.
    """
    if isinstance(error, errors.GeminiError):
        return _of_own(error, call=call, creating=creating)
    response = getattr(error, "response", None)
    if isinstance(response, httpx2.Response):
        answer = Answer(response.status_code, response.headers, _body(response))
        return of_answer(answer, call=call, creating=creating, secrets=secrets)
    trouble = f"{call}: {_trouble(error, secrets)}"
    if not creating:
        return errors.Unavailable(trouble)
    return errors.NotSent(trouble) if isinstance(error, _UNCONNECTED) else errors.Ambiguous(trouble)


def _of_own(error: errors.GeminiError, *, call: str, creating: bool) -> errors.GeminiError:
    """Return our own error; for a create, `Ambiguous` unless the request surely was not sent."""
    if not creating or isinstance(error, errors.NotSent):
        return error
    return errors.Ambiguous(f"{call}: {error}", status=error.status)


def _body(response: httpx2.Response) -> bytes:
    try:
        return response.content
    except httpx2.ResponseNotRead:
        return b""


def _trouble(error: Exception, secrets: Iterable[str]) -> str:
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.ConnectError):
        return f"no connection: {sanitize.text(error, 256, secrets=secrets)}"
    if isinstance(error, httpx2.TransportError | OSError):
        return f"the connection broke ({type(error).__name__})"
    return f"the answer could not be read ({type(error).__name__})"


def _create_kind(status: int, said: Mapping[str, Any]) -> type[errors.GeminiError]:
    if status == 401 or (status == 400 and _blames_key(said)):
        return errors.CredentialsRejected
    if status == 403 or (status == 400 and said.get("status") == "FAILED_PRECONDITION"):
        return _denied_kind(said)
    if status == 404 and _about_a_file(said):
        return errors.FileMissing
    # Of the remaining statuses only these and 429 prove that nothing was created; a 5xx does not.
    if status in (400, 404, 413):
        return errors.Rejected
    return errors.Throttled if status == 429 else errors.Ambiguous


def _denied_kind(said: Mapping[str, Any]) -> type[errors.GeminiError]:
    """Return whether a 403 or FAILED_PRECONDITION is about the API key, a file, or this request.

    An answer that is not recognised counts for this request alone. If it was about the key, each
    job of the key is refused on its own, and no job is blocked wrongly.
    """
    reasons = _reasons(said)
    if any(reason.startswith(_KEY_REASONS) for reason in reasons):
        return errors.CredentialsRejected
    if _about_a_file(said):
        return errors.FileMissing
    words = _words(said)
    if not reasons and _PROJECT.search(words) and not _OF_THE_REQUEST.search(words):
        return errors.CredentialsRejected
    return errors.PermissionDenied


def _kind(status: int, said: Mapping[str, Any]) -> type[errors.GeminiError]:
    """Return the error for an answer to any call but a create."""
    # FAILED_PRECONDITION is about the batch's state here, for example that it has ended.
    if status == 401 or (status == 400 and _blames_key(said)):
        return errors.CredentialsRejected
    if status == 403:
        about_key = _denied_kind(said) is errors.CredentialsRejected
        return errors.CredentialsRejected if about_key else errors.PermissionDenied
    if status == 429 and _about_file_storage(said):
        return errors.StorageFull
    kinds = {
        400: errors.Rejected,
        404: errors.NotFound,
        409: errors.NameTaken,
        413: errors.Rejected,
        429: errors.Throttled,
    }
    return kinds.get(status, errors.Unavailable)


def _blames_key(said: Mapping[str, Any]) -> bool:
    """Return whether a 400 is about the API key, by the reason in `google.rpc.ErrorInfo`."""
    if any(reason.startswith("API_KEY_") for reason in _reasons(said)):
        return True
    return bool(_KEY_TROUBLE.match(str(said.get("message", ""))))


def _reasons(said: Mapping[str, Any]) -> list[str]:
    """Return the reasons in Google's own `google.rpc.ErrorInfo`."""
    return [
        str(item["reason"])
        for item in _details(said)
        if "reason" in item
        and str(item.get("domain") or "googleapis.com").endswith("googleapis.com")
    ]


def _about_file_storage(said: Mapping[str, Any]) -> bool:
    """Return whether the quota that is used up is that of files (googleapis/python-genai#1172)."""
    violations = [item.get("violations") for item in _details(said)]
    metrics = [
        violation.get("quotaMetric")
        for listed in violations
        if isinstance(listed, list)
        for violation in listed
        if isinstance(violation, dict)
    ]
    return any(str(metric).endswith(_FILE_STORAGE) for metric in (*metrics, _metric(said)))


def _metric(said: Mapping[str, Any]) -> str:
    """Return the quota that Google's text names, if it names one."""
    found = _METRIC.search(str(said.get("message", ""))[:1024])
    return found[1] if found else ""


def _about_a_file(said: Mapping[str, Any]) -> bool:
    named = _FILE_NAME.search(str(said.get("message", ""))[:1024])
    return bool(named or _FILE.search(_words(said)))


def _words(said: Mapping[str, Any]) -> str:
    """Return Google's text without the names in it."""
    return _NAMES.sub("", str(said.get("message", ""))[:1024])


def _wait(headers: Mapping[str, str], said: Mapping[str, Any]) -> float | None:
    """Return the seconds to wait, from `Retry-After` or else from `google.rpc.RetryInfo`."""
    asked = [_seconds(headers.get("retry-after")), _until(headers)]
    asked += [_seconds(item.get("retryDelay")) for item in _details(said)]
    wait = next((seconds for seconds in asked if seconds is not None), None)
    return None if wait is None else min(max(wait, 0.0), MAX_WAIT)


def _seconds(value: object) -> float | None:
    found = _DELAY.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _until(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until a `Retry-After` date, counted from the answer's own `Date`."""
    # Google's clock and ours may differ by more than the wait.
    try:
        now, then = (parsedate_to_datetime(headers[name]) for name in ("date", "retry-after"))
        return (then - now).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _said(body: bytes) -> Mapping[str, Any]:
    """Return the `error` member of Google's error body, which may be in a list; else empty."""
    try:
        said = documents.parse(body.strip().removeprefix(b"[").removesuffix(b"]")).get("error")
    except Undecodable:
        return {}
    return said if isinstance(said, dict) else {"message": json.dumps(said)} if said else {}


def _in_one_line(message: object) -> object:
    """Return Google's list of mistakes, each on a line that begins with `* `, as parts of a sentence."""
    if not isinstance(message, str) or not message.startswith("* "):
        return message
    return "; ".join(message[2 : 16 * sanitize.MESSAGE_LIMIT].strip().split("\n* "))


def _details(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = said.get("details")
    return [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
