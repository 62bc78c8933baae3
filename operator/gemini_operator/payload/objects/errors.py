"""The kinds of failures of object storage and https sources that the operator distinguishes.

Every message is one line for the user and says what to do. It has no credential, no query of a URL
and no text of an object or of a server's answer.
"""

import re
import socket
import ssl
from collections.abc import Iterator

import httpcore2
from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
    UnknownConfigurationKeyError,
)

from gemini_operator.base import sanitize

ANOTHER_URI = "name another URI in a new job (kubectl replace --force -f FILE)"
"""What to do about a wrong URI. It cannot be changed in a job."""


_AGAIN = re.compile(r"; it is (?:tried|read|written) again.*", re.DOTALL)


class ObjectError(Exception):
    """An object could not be read or written."""

    def __init__(self, message: str) -> None:
        super().__init__(sanitize.text(message))

    @property
    def problem(self) -> str:
        """The message without the words that it is tried again, for what is not."""
        return _AGAIN.sub("", str(self))


class InvalidReference(ObjectError):
    """The spec or the Secret must change."""


class InvalidUri(InvalidReference):
    """The URI can never work, and a job's URI cannot be changed."""


class SourceMissing(ObjectError):
    """There is no such object, or no such bucket; it may still be created."""


class BucketMissing(SourceMissing):
    """There is no such bucket; it may still be created."""


class AccessDenied(ObjectError):
    """The storage refuses the credentials, or what they may do."""


class UnknownCredentials(AccessDenied):
    """The storage does not know the credentials, whatever they are used for."""


class SourceChanged(ObjectError):
    """The object is another one than at the first look."""


class Truncated(ObjectError):
    """The object has another size than announced."""


class Unavailable(ObjectError):
    """No usable answer; trying again may help."""


class TooSlow(Unavailable):
    """The source delivers less than the minimum."""


class NotAllowed(ObjectError):
    """An administrator has not allowed this; nothing was sent."""


# Libraries put the server's whole answer into their errors, so only these words are looked for.
_STATUS = re.compile(r"status code: (\d{3})|status: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,64})</Code>")
# Whatever the status is: S3 answers some of them with 400, versitygw one with 404.
_BAD_CREDENTIALS = {
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "XAdminUserNotFound",
}
_NO_BUCKET = {"ContainerNotFound", "NoSuchBucket"}
# Google's answer to a service account without a valid key.
_BAD_GRANT = re.compile(r"\binvalid_grant\b")
_BAD_REGION = {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint"}
# What obstore's description of a failed connection has, and what that means.
_NO_CONNECTION = (
    (re.compile(r"\bdns error\b"), "the name of its server is not found"),
    (re.compile(r"\bConnectionRefused\b"), "its server refuses connections"),
    (
        re.compile(r"\bInvalidCertificate\b|\binvalid peer certificate\b"),
        "its certificate is not valid",
    ),
    (re.compile(r"\bkind: Timeout\b|\bTimedOut\b"), "its server does not answer in time"),
    (re.compile(r"\bkind: Connect\b"), "there is no connection to its server"),
)
# Numbers of X509_verify_cert_error_string(3).
_CERTIFICATES = {
    9: "is not valid yet: correct it, or the clock",
    10: "has expired: renew it",
    62: "is for another host: correct the host or the certificate",
    64: "is for another host: correct the host or the certificate",
    **dict.fromkeys(
        (2, 18, 19, 20, 21),
        "is signed by an authority that the operator does not know: use one of a public authority",
    ),
}
_KINDS: tuple[tuple[type[Exception], int], ...] = (
    (FileNotFoundError, 404),
    (PermissionDeniedError, 403),
    (UnauthenticatedError, 401),
    (PreconditionError, 412),
)


def of_store(error: Exception, shown: str) -> ObjectError:
    """Return what an exception of obstore means.

    Args:
        error: what obstore raised; its text is never shown, because it has the server's answer.
        shown: the location as people may see it.
    """
    if isinstance(error, ObjectError):
        return error
    text = str(error)
    if isinstance(error, InvalidPathError):
        return InvalidUri(f"{shown} cannot be used: {ANOTHER_URI}")
    if isinstance(error, NotSupportedError | UnknownConfigurationKeyError):
        return InvalidReference(f"{shown} cannot be used: {ANOTHER_URI}")
    codes = set(_CODE.findall(text))
    if codes & _BAD_CREDENTIALS or _BAD_GRANT.search(text):
        return UnknownCredentials(
            f"{shown} refuses access, as the storage does not know the credentials: correct the Secret"
        )
    if codes & _NO_BUCKET:
        return BucketMissing(f"the bucket of {shown} does not exist: create it, or {ANOTHER_URI}")
    if codes & _BAD_REGION:
        return InvalidReference(
            f"the bucket of {shown} is in another region: set the key region of the Secret"
        )
    if not isinstance(error, BaseError | OSError):
        return Unavailable(f"{shown} could not be used ({type(error).__name__}); it is tried again")
    status = next((status for kind, status in _KINDS if isinstance(error, kind)), _status_in(text))
    if status is None:
        cause = next((cause for pattern, cause in _NO_CONNECTION if pattern.search(text)), None)
        if cause is not None:
            return Unavailable(f"{shown} cannot be reached, as {cause}; it is tried again")
    return of_status(status, shown)


def of_connection(error: Exception, shown: str) -> ObjectError:
    """Return what an exception of the https client means.

    Args:
        error: what httpcore2 or the network raised.
        shown: the location as people may see it.
    """
    if isinstance(error, ObjectError):
        return error
    if isinstance(error, httpcore2.ConnectError):
        return Unavailable(_unconnected(error, shown))
    if isinstance(error, httpcore2.LocalProtocolError | httpcore2.UnsupportedProtocol):
        return InvalidReference(f"{shown} cannot be requested: correct the URL")
    if isinstance(error, httpcore2.RemoteProtocolError):
        return Truncated(f"{shown} broke off or did not speak HTTP; it is tried again")
    if isinstance(error, httpcore2.TimeoutException | TimeoutError):
        return Unavailable(f"{shown} did not answer in time; it is tried again")
    return Unavailable(f"{shown} cannot be reached; it is tried again")


def of_lookup(error: Exception | None, host: str) -> ObjectError:
    """Return what a failed look-up of a host means; `None`: it has no address."""
    absent = error is None or isinstance(error, UnicodeError)
    if absent or getattr(error, "errno", None) in (socket.EAI_NONAME, socket.EAI_NODATA):
        return Unavailable(f"there is no host {host} in DNS: add it, or {ANOTHER_URI}")
    return Unavailable(f"DNS has no answer for the host {host} now; it is tried again")


def _unconnected(error: Exception, shown: str) -> str:
    """Say why there is no connection. No private address comes this far, unless it is allowed (S9)."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            what = _CERTIFICATES.get(cause.verify_code, "is not valid: correct it")
            return f"the certificate of {shown} {what}; it is tried again"
        if isinstance(cause, ssl.SSLError):
            return f"{shown} cannot be reached, as its host does not speak TLS as it should; it is tried again"
        if isinstance(cause, ConnectionRefusedError):
            return f"{shown} cannot be reached, as its host refuses connections; it is tried again"
    return f"{shown} cannot be reached; it is tried again"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and its causes."""
    for _ in range(8):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def of_status(status: int | None, shown: str) -> ObjectError:
    """Return what an HTTP status other than 200 and 206 means."""
    match status:
        case 401 | 403 | 407:
            return AccessDenied(
                f"{shown} refuses access ({status}): correct the Secret, or what its credentials may do"
            )
        case 404 | 410:
            return SourceMissing(f"{shown} does not exist ({status}): create it, or {ANOTHER_URI}")
        case 409 | 412 | 416:
            return SourceChanged(
                f"{shown} has changed since it was first read; it is read again from the beginning"
            )
        case 408 | 425 | 429:
            return Unavailable(f"{shown} is not available now ({status}); it is tried again")
        case None:
            return Unavailable(f"{shown} is not available; it is tried again")
    if 300 <= status < 400:
        return NotAllowed(
            f"{shown} redirects elsewhere ({status}), which is not followed: use the final address"
        )
    if 400 <= status < 500:
        return InvalidReference(
            f"{shown} refuses the request ({status}): correct the Secret, or {ANOTHER_URI}"
        )
    if status >= 500:
        return Unavailable(
            f"{shown} is not available ({status}), as its server reports an error; it is tried again"
        )
    return Unavailable(f"{shown} is not available ({status}); it is tried again")


def _status_in(text: str) -> int | None:
    found = _STATUS.search(text)
    return int(found[1] or found[2]) if found else None
