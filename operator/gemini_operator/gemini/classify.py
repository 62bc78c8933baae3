"""From an answer, or the lack of one, to a `GeminiError`: the only such mapping."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import documents, errors
from gemini_operator.telemetry import sanitize

MAX_WAIT = 3600.0
"""Seconds; a longer wait asked for by Google is cut to this."""

_DELAY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s?")
# No connection stood, so no byte of the request went out.
_UNCONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
# As Google's sentence begins. Further on it may be a name that a user has chosen.
_KEY_TROUBLE = re.compile(r"\s*(?:the )?api key (?:not valid|not found|expired)", re.IGNORECASE)

# Reasons of google.rpc.ErrorInfo that speak of an API key or of its project.
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
_FILE = re.compile(r"\bfiles?\b", re.IGNORECASE)
_FILE_NAME = re.compile(r"\bfiles/[\w-]")
_OF_THE_REQUEST = re.compile(
    r"\b(?:tuned)?models?\b|\bcached ?contents?\b|\bcorpora\b", re.IGNORECASE
)
# Names that a user has chosen say nothing, whatever words are in them.
# Between the first quote and the last of its kind, as there may be quotes in a name.
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
    """The error that an answer other than a good 200 stands for.

    A create follows the table of protocol P10: whatever is not surely refused is Ambiguous.

    Args:
        answer: what came back.
        call: what was asked, for the message, such as `batches.create`.
        creating: whether a repetition could make a second paid batch.
        secrets: texts that Google may echo and that must not be shown.
    """
    said = _said(answer.body)
    words = sanitize.text(said.get("message"), secrets=secrets)
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
    """The error that a failed call stands for, whichever library it comes from.

    Both error families of the SDK and httpx2's status errors hold the answer in `.response`; what
    holds none is a connection, a timeout or a surprise. Raise the result `from None`: the cause
    may quote the API key.
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
    """Only what is known not to have been sent stays what it is when a create fails."""
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
    if status in (400, 404, 413):
        return errors.Rejected
    return errors.Throttled if status == 429 else errors.Ambiguous


def _denied_kind(said: Mapping[str, Any]) -> type[errors.GeminiError]:
    """Whom a create's 403 or FAILED_PRECONDITION concerns: all jobs of the API key, or this job.

    One that says nothing that is known concerns this job: that a key is refused, each of its jobs
    finds out by itself.
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
    """FAILED_PRECONDITION blames the job's state here, for instance of one that has ended."""
    if status == 401 or (status == 400 and _blames_key(said)):
        return errors.CredentialsRejected
    if status == 403:
        about_key = _denied_kind(said) is errors.CredentialsRejected
        return errors.CredentialsRejected if about_key else errors.PermissionDenied
    kinds = {
        400: errors.Rejected,
        404: errors.NotFound,
        413: errors.Rejected,
        429: errors.Throttled,
    }
    return kinds.get(status, errors.Unavailable)


def _blames_key(said: Mapping[str, Any]) -> bool:
    """Google answers a bad key with 400 and the reason in `google.rpc.ErrorInfo`."""
    if any(reason.startswith("API_KEY_") for reason in _reasons(said)):
        return True
    return bool(_KEY_TROUBLE.match(str(said.get("message", ""))))


def _reasons(said: Mapping[str, Any]) -> list[str]:
    """The reasons of Google's own `google.rpc.ErrorInfo`."""
    return [
        str(item["reason"])
        for item in _details(said)
        if "reason" in item
        and str(item.get("domain") or "googleapis.com").endswith("googleapis.com")
    ]


def _about_a_file(said: Mapping[str, Any]) -> bool:
    named = _FILE_NAME.search(str(said.get("message", ""))[:1024])
    return bool(named or _FILE.search(_words(said)))


def _words(said: Mapping[str, Any]) -> str:
    """What Google's text says, without the names in it."""
    return _NAMES.sub("", str(said.get("message", ""))[:1024])


def _wait(headers: Mapping[str, str], said: Mapping[str, Any]) -> float | None:
    """`Retry-After`, else the `retryDelay` of a `google.rpc.RetryInfo`."""
    asked = [_seconds(headers.get("retry-after")), _until(headers)]
    asked += [_seconds(item.get("retryDelay")) for item in _details(said)]
    wait = next((seconds for seconds in asked if seconds is not None), None)
    return None if wait is None else min(max(wait, 0.0), MAX_WAIT)


def _seconds(value: object) -> float | None:
    found = _DELAY.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _until(headers: Mapping[str, str]) -> float | None:
    """A `Retry-After` date, counted from the answer's own `Date`: no clock of ours is needed."""
    try:
        now, then = (parsedate_to_datetime(headers[name]) for name in ("date", "retry-after"))
        return (then - now).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None


def _said(body: bytes) -> Mapping[str, Any]:
    """The `error` member of Google's error body; a list of one is unpacked; else empty."""
    try:
        said = documents.parse(body.strip().removeprefix(b"[").removesuffix(b"]")).get("error")
    except Undecodable:
        return {}
    return said if isinstance(said, dict) else {"message": json.dumps(said)} if said else {}


def _details(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = said.get("details")
    return [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
