import socket
import ssl

import httpcore2
import obstore.exceptions
import pytest

from gemini_operator.payload.objects import errors
from gemini_operator.payload.objects.errors import (
    AccessDenied,
    BucketMissing,
    InvalidReference,
    InvalidUri,
    NotAllowed,
    ObjectError,
    SourceChanged,
    SourceMissing,
    Truncated,
    Unavailable,
    UnknownCredentials,
)

HIDDEN = "https://bucket.example.com/?sig=hidden <Message>hidden</Message>"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(HIDDEN), SourceMissing),
        (obstore.exceptions.PermissionDeniedError(HIDDEN), AccessDenied),
        (obstore.exceptions.UnauthenticatedError(HIDDEN), AccessDenied),
        (obstore.exceptions.PreconditionError(HIDDEN), SourceChanged),
        (obstore.exceptions.NotSupportedError(HIDDEN), InvalidReference),
        (obstore.exceptions.InvalidPathError(HIDDEN), InvalidUri),
        (obstore.exceptions.UnknownConfigurationKeyError(HIDDEN), InvalidReference),
        (obstore.exceptions.GenericError(HIDDEN), Unavailable),
        (obstore.exceptions.GenericError(f"status code: 403 {HIDDEN}"), AccessDenied),
        (obstore.exceptions.GenericError(f"status code: 503 {HIDDEN}"), Unavailable),
        (obstore.exceptions.GenericError(f"status code: 301 {HIDDEN}"), NotAllowed),
        (
            obstore.exceptions.GenericError(f"400 <Code>ExpiredToken</Code> {HIDDEN}"),
            UnknownCredentials,
        ),
        (FileNotFoundError(f"<Code>XAdminUserNotFound</Code> {HIDDEN}"), UnknownCredentials),
        (
            obstore.exceptions.PermissionDeniedError(f"<Code>AuthenticationFailed</Code> {HIDDEN}"),
            UnknownCredentials,
        ),
        (FileNotFoundError(f"<Code>NoSuchKey</Code> {HIDDEN}"), SourceMissing),
        (FileNotFoundError(f"<Code>NoSuchBucket</Code> {HIDDEN}"), BucketMissing),
        (FileNotFoundError(f"<Code>ContainerNotFound</Code> {HIDDEN}"), BucketMissing),
        (
            obstore.exceptions.GenericError(f"<Code>PermanentRedirect</Code> {HIDDEN}"),
            InvalidReference,
        ),
        (
            obstore.exceptions.GenericError(f'{{"error": "invalid_grant"}} {HIDDEN}'),
            UnknownCredentials,
        ),
        (obstore.exceptions.JoinError(HIDDEN), Unavailable),
        (obstore.exceptions.AlreadyExistsError(HIDDEN), Unavailable),
        (OSError(f"status code: 403 Forbidden {HIDDEN}"), AccessDenied),
        (OSError(HIDDEN), Unavailable),
        (ValueError(HIDDEN), Unavailable),
    ],
)
def test_what_exceptions_of_obstore_mean(error: Exception, kind: type[ObjectError]) -> None:
    found = errors.of_store(error, "s3://bucket/key")
    assert type(found) is kind
    assert "hidden" not in str(found)
    # Something follows the colon or semicolon: what to do, or what happens.
    assert ":" in str(found).replace("s3:", "") or ";" in str(found)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpcore2.ConnectError(HIDDEN), Unavailable),
        (httpcore2.ConnectTimeout(HIDDEN), Unavailable),
        (httpcore2.PoolTimeout(HIDDEN), Unavailable),
        (httpcore2.ReadError(HIDDEN), Unavailable),
        (httpcore2.ReadTimeout(HIDDEN), Unavailable),
        (httpcore2.WriteError(HIDDEN), Unavailable),
        (httpcore2.WriteTimeout(HIDDEN), Unavailable),
        (httpcore2.RemoteProtocolError(HIDDEN), Truncated),
        (httpcore2.LocalProtocolError(HIDDEN), InvalidReference),
        (httpcore2.UnsupportedProtocol(HIDDEN), InvalidReference),
        (TimeoutError(HIDDEN), Unavailable),
        (OSError(HIDDEN), Unavailable),
    ],
)
def test_what_exceptions_of_the_https_client_mean(
    error: Exception, kind: type[ObjectError]
) -> None:
    found = errors.of_connection(error, "https://host/a")
    assert type(found) is kind
    assert "hidden" not in str(found)


def test_a_failure_of_ours_stays_what_it_is() -> None:
    own = NotAllowed("no")
    assert errors.of_store(own, "x") is own
    assert errors.of_connection(own, "x") is own


def test_a_message_is_one_short_line() -> None:
    message = str(Unavailable("a\nb\x1b[31m" + "c" * 5000))
    assert "\n" not in message
    assert len(message) <= 1024


@pytest.mark.parametrize("status", [None, 429, 500, 404, 412])
def test_what_is_wrong_can_be_said_without_what_is_done_about_it(status: int | None) -> None:
    error = errors.of_status(status, "s3://b/a")
    assert "again" not in error.problem
    assert str(error).startswith(error.problem)


SHOWN = "https://files.example.com/a"


def unconnected(cause: Exception) -> str:
    error = httpcore2.ConnectError(HIDDEN)
    between = OSError(HIDDEN)
    between.__cause__ = cause
    error.__cause__ = between
    found = errors.of_connection(error, SHOWN)
    assert type(found) is Unavailable
    assert "hidden" not in str(found)
    return str(found)


def certificate(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(HIDDEN)
    error.verify_code = code
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(HIDDEN), "its host refuses connections"),
        (OSError(HIDDEN), "cannot be reached; it is tried again"),
        (ssl.SSLError(HIDDEN), "does not speak TLS"),
        (certificate(10), "has expired: renew it"),
        (certificate(9), "is not valid yet"),
        (certificate(62), "is for another host"),
        (certificate(18), "an authority that the operator does not know"),
        (certificate(20), "an authority that the operator does not know"),
        (certificate(99), "is not valid: correct it"),
    ],
)
def test_why_there_is_no_connection(cause: Exception, words: str) -> None:
    message = unconnected(cause)
    assert words in message
    assert SHOWN in message


def test_a_circle_of_causes_ends() -> None:
    one, other = OSError("one"), OSError("other")
    one.__cause__, other.__cause__ = other, one
    assert "cannot be reached" in unconnected(one)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(socket.EAI_NONAME, HIDDEN), "there is no host files.example.com in DNS"),
        (socket.gaierror(socket.EAI_NODATA, HIDDEN), "there is no host files.example.com in DNS"),
        (UnicodeError(HIDDEN), "there is no host files.example.com in DNS"),
        (None, "there is no host files.example.com in DNS"),
        (socket.gaierror(socket.EAI_AGAIN, HIDDEN), "DNS has no answer for the host files."),
        (TimeoutError(), "DNS has no answer for the host files.example.com now"),
    ],
)
def test_why_a_host_is_not_found(error: Exception | None, words: str) -> None:
    found = errors.of_lookup(error, "files.example.com")
    assert type(found) is Unavailable
    assert words in str(found)
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('kind: Connect, source: ConnectError("dns error", ', "the name of its server"),
        ("kind: Connect, Os { code: 111, kind: ConnectionRefused }", "refuses connections"),
        ("kind: Connect, InvalidCertificate(UnknownIssuer)", "its certificate is not valid"),
        ("kind: Timeout, source: reqwest", "does not answer in time"),
        ("kind: Connect, source: hidden", "there is no connection"),
    ],
)
def test_why_there_is_no_connection_to_a_bucket(text: str, words: str) -> None:
    found = errors.of_store(obstore.exceptions.GenericError(f"{text} {HIDDEN}"), "s3://bucket/key")
    assert type(found) is Unavailable
    assert words in str(found)
    assert "hidden" not in str(found)


@pytest.mark.parametrize("status", [403, 404, 408, 429, 500, 503])
def test_a_status_is_shown(status: int) -> None:
    assert f"({status})" in str(errors.of_status(status, SHOWN))
