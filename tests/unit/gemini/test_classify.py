import json
from typing import Any

import httpx2
import pytest
from google.genai import errors as genai_errors
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.gemini import classify, errors
from gemini_operator.gemini.classify import Answer

KEY = "unusual-key-0123456789abcdef"
INVALID_KEY = [
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
]
DISABLED = [
    {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
    },
]


def info(reason: str, domain: str = "googleapis.com") -> list[dict[str, str]]:
    return [{**DISABLED[0], "reason": reason, "domain": domain}]


def answer(
    status: int,
    word: str | None = None,
    message: str = "no",
    details: Any = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    error = {"code": status, "message": message, "status": word, "details": details}
    return Answer(status, httpx2.Headers(headers or {}), json.dumps({"error": error}).encode())


CREATE = [
    (answer(400, "INVALID_ARGUMENT", "API key not valid.", INVALID_KEY), "CredentialsRejected"),
    (answer(400, "INVALID_ARGUMENT", "odd", INVALID_KEY), "CredentialsRejected"),
    (answer(400, "INVALID_ARGUMENT", "API key not valid. Please pass"), "CredentialsRejected"),
    (answer(400, "INVALID_ARGUMENT", "API key expired."), "CredentialsRejected"),
    (answer(400, "FAILED_PRECONDITION", "User location is not supported"), "CredentialsRejected"),
    (answer(401, "UNAUTHENTICATED"), "CredentialsRejected"),
    (answer(403, "PERMISSION_DENIED"), "PermissionDenied"),
    (answer(403, "PERMISSION_DENIED", "no", DISABLED), "CredentialsRejected"),
    (answer(400, "INVALID_ARGUMENT", "unknown field"), "Rejected"),
    (answer(404, "NOT_FOUND", "model is not found"), "Rejected"),
    (answer(413), "Rejected"),
    (answer(429, "RESOURCE_EXHAUSTED"), "Throttled"),
    (answer(408), "Ambiguous"),
    (answer(409, "ABORTED"), "Ambiguous"),
    (answer(422), "Ambiguous"),
    (answer(500, "INTERNAL"), "Ambiguous"),
    (answer(502), "Ambiguous"),
    (answer(503, "UNAVAILABLE"), "Ambiguous"),
    (answer(504, "DEADLINE_EXCEEDED"), "Ambiguous"),
    (answer(201), "Ambiguous"),
    (answer(204), "Ambiguous"),
    (answer(302), "Ambiguous"),
    (answer(307), "Ambiguous"),
]


@pytest.mark.parametrize(("given_answer", "kind"), CREATE)
def test_p10_a_create_that_is_not_surely_refused_is_ambiguous(
    given_answer: Answer, kind: str
) -> None:
    error = classify.of_answer(given_answer, call="batches.create", creating=True)
    assert type(error).__name__ == kind
    assert error.status == given_answer.status


NO_ACCESS = "You do not have permission to access "
ABOUT_THE_KEY = [
    ("PERMISSION_DENIED", "The caller does not have permission", DISABLED),
    ("PERMISSION_DENIED", "Requests from this referrer are blocked.", info("API_KEY_BLOCKED")),
    ("PERMISSION_DENIED", "Suspended.", info("CONSUMER_SUSPENDED")),
    ("PERMISSION_DENIED", "No.", info("BILLING_DISABLED")),
    ("PERMISSION_DENIED", f"{NO_ACCESS}the File x.", info("CONSUMER_INVALID")),
    ("PERMISSION_DENIED", "Your API key was reported as leaked. Use another one.", None),
    ("PERMISSION_DENIED", "Your project has been denied access. Contact support.", None),
    (
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity).",
        None,
    ),
    (
        "PERMISSION_DENIED",
        (
            "Generative Language API has not been used in project 12 before or it is disabled. "
            "Enable it by visiting https://console.example/apis/api/x/overview?project=12"
        ),
        None,
    ),
    ("FAILED_PRECONDITION", "User location is not supported for the API use.", None),
    ("FAILED_PRECONDITION", "Please enable billing on your project.", None),
]
ABOUT_A_FILE = [
    ("PERMISSION_DENIED", f"{NO_ACCESS}the File abc-123 or it may not exist.", None),
    ("PERMISSION_DENIED", f"{NO_ACCESS}the File api-key-project or it may not exist.", None),
    ("PERMISSION_DENIED", f"{NO_ACCESS}files/abc-123.", info("RESOURCE_NOT_YOURS")),
    ("PERMISSION_DENIED", f"{NO_ACCESS}https://g.example/v1beta/files/abc-123", None),
    ("FAILED_PRECONDITION", "The File abc is not in an ACTIVE state.", None),
    ("NOT_FOUND", "File files/abc-123 not found.", None),
]
ABOUT_ANOTHER_THING = [
    ("PERMISSION_DENIED", "The caller does not have permission", None),
    ("PERMISSION_DENIED", f"{NO_ACCESS}tuned model tunedModels/billing-project.", None),
    ("PERMISSION_DENIED", "Your project has no access to model gemini-9.", None),
    ("PERMISSION_DENIED", f"{NO_ACCESS}cachedContents/api-key.", None),
    ("PERMISSION_DENIED", "Denied on resource 'api key of the project'.", None),
    ("PERMISSION_DENIED", "Your API key may not.", info("IAM_PERMISSION_DENIED")),
    ("PERMISSION_DENIED", "No.", info("API_KEY_INVALID", "tenant.example")),
    ("FAILED_PRECONDITION", "The model is not ready.", None),
]


@pytest.mark.parametrize(
    ("status", "message", "details", "kind"),
    [
        *((*words, errors.CredentialsRejected) for words in ABOUT_THE_KEY),
        *((*words, errors.FileMissing) for words in ABOUT_A_FILE),
        *((*words, errors.PermissionDenied) for words in ABOUT_ANOTHER_THING),
    ],
)
def test_p10_a_denied_create_concerns_all_of_the_key_only_if_google_speaks_of_the_key(
    status: str, message: str, details: Any, kind: type[errors.GeminiError]
) -> None:
    code = {"PERMISSION_DENIED": 403, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404}[status]
    given_answer = answer(code, status, message, details)
    assert type(classify.of_answer(given_answer, call="batches.create", creating=True)) is kind


@pytest.mark.parametrize(
    "message",
    [
        "Unknown name \"API key not valid\" at 'batch.input_config': Cannot find field.",
        'Unknown name "a" API key not found "b" at \'batch.input_config\': Cannot find field.',
        "Invalid value at 'batch.display_name': API key expired",
    ],
)
def test_p10_a_name_in_a_refused_request_cannot_blame_the_key(message: str) -> None:
    given_answer = answer(400, "INVALID_ARGUMENT", message)
    error = classify.of_answer(given_answer, call="batches.create", creating=True)
    assert type(error) is errors.Rejected


@pytest.mark.parametrize(
    "message",
    [
        "Cannot fetch https://billing.example/project.",
        "Permission denied on gs://project-billing/x.",
        "Permission denied on the resource 'it's the project' billing'.",
        'Permission denied on the resource "a" project "b".',
    ],
)
def test_p10_a_name_in_a_denied_request_cannot_blame_the_key(message: str) -> None:
    given_answer = answer(403, "PERMISSION_DENIED", message)
    error = classify.of_answer(given_answer, call="batches.create", creating=True)
    assert type(error) is errors.PermissionDenied


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("* a.b: is wrong\n* c: is missing\n", "a.b: is wrong; c: is missing"),
        ("* a.b: is wrong\n", "a.b: is wrong"),
        ("a * b\n* c", "a * b * c"),
    ],
)
def test_a_list_of_mistakes_is_shown_as_a_sentence(message: str, shown: str) -> None:
    error = classify.of_answer(answer(400, "INVALID_ARGUMENT", message), call="batches.create")
    assert str(error) == f"batches.create: Google answered 400 INVALID_ARGUMENT: {shown}"


@given(st.integers(100, 599), st.binary(max_size=50))
def test_p10_only_the_statuses_of_the_table_say_that_nothing_was_created(
    status: int, body: bytes
) -> None:
    error = classify.of_answer(Answer(status, {}, body), call="batches.create", creating=True)
    refusals = {400, 401, 403, 404, 413, 429}
    assert isinstance(error, errors.Ambiguous) == (status not in refusals)


@pytest.mark.parametrize(
    ("given_answer", "kind"),
    [
        (answer(400, "INVALID_ARGUMENT", "x", INVALID_KEY), "CredentialsRejected"),
        (answer(401, "UNAUTHENTICATED"), "CredentialsRejected"),
        (answer(403, "PERMISSION_DENIED"), "PermissionDenied"),
        (answer(403, "PERMISSION_DENIED", "The file files/a."), "PermissionDenied"),
        (answer(403, "PERMISSION_DENIED", "no", DISABLED), "CredentialsRejected"),
        (answer(400, "INVALID_ARGUMENT"), "Rejected"),
        (answer(400, "FAILED_PRECONDITION", "the batch has ended"), "Rejected"),
        (answer(404, "NOT_FOUND"), "NotFound"),
        (answer(429), "Throttled"),
        (answer(302), "Unavailable"),
        (answer(204), "Unavailable"),
        (answer(409), "NameTaken"),
        (answer(500), "Unavailable"),
        (answer(503), "Unavailable"),
    ],
)
def test_calls_that_can_be_repeated_are_never_ambiguous(given_answer: Answer, kind: str) -> None:
    error = classify.of_answer(given_answer, call="batches.get")
    assert type(error).__name__ == kind


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"retry-after": "7"}, None, 7.0),
        ({"retry-after": " 7.5 "}, None, 7.5),
        ({"retry-after": "0"}, None, 0.0),
        ({}, [{"retryDelay": "12s"}], 12.0),
        ({}, [{"@type": "x"}, {"retryDelay": "0.25s"}], 0.25),
        ({"retry-after": "3"}, [{"retryDelay": "12s"}], 3.0),
        (
            {
                "retry-after": "Thu, 01 Jan 2026 00:00:30 GMT",
                "date": "Thu, 01 Jan 2026 00:00:10 GMT",
            },
            None,
            20.0,
        ),
        (
            {
                "retry-after": "Thu, 01 Jan 2026 00:00:00 GMT",
                "date": "Thu, 01 Jan 2026 00:00:10 GMT",
            },
            None,
            0.0,
        ),
        ({"retry-after": "999999999"}, None, classify.MAX_WAIT),
        ({"retry-after": "1000000000"}, None, classify.MAX_WAIT),
        ({"retry-after": "9" * 31}, None, None),
        ({}, None, None),
        ({"retry-after": "soon"}, None, None),
        *(
            ({"date": "Thu, 01 Jan 2026 00:00:00 GMT", "retry-after": date}, None, None)
            for date in (
                f"Thu, {'9' * 20} Jan 2026 00:00:00 GMT",
                f"Thu, 01 Jan {'9' * 20} 00:00:00 GMT",
                f"Thu, 01 Jan 2026 {'9' * 20}:00:00 GMT",
                f"Thu, 01 Jan 2026 00:00:00 +{'9' * 20}",
            )
        ),
        ({"retry-after": "-1"}, None, None),
        ({"retry-after": "nan"}, [{"retryDelay": None}], None),
        ({"retry-after": "1e9"}, [{"retryDelay": "inf"}], None),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, "text", None),
    ],
)
def test_google_may_say_how_long_to_wait(
    headers: dict[str, str], details: Any, seconds: float | None
) -> None:
    error = classify.of_answer(
        answer(429, "RESOURCE_EXHAUSTED", details=details, headers=headers),
        call="batches.create",
        creating=True,
    )
    assert isinstance(error, errors.Throttled)
    assert error.retry_after == seconds


METRIC = "generativelanguage.googleapis.com/file_storage_bytes"
IN_DETAILS = [{"@type": "google.rpc.QuotaFailure", "violations": [{"quotaMetric": METRIC}]}]


@pytest.mark.parametrize(
    ("message", "details", "kind"),
    [
        ("You exceeded your current quota.", IN_DETAILS, "StorageFull"),
        (f"* Quota exceeded for metric: {METRIC}, limit: 21474836480", None, "StorageFull"),
        ("Quota exceeded for metric: x.example/requests, limit: 1", None, "Throttled"),
        (f"The file {METRIC} is in use", [{"violations": [None, {"quotaMetric": 1}]}], "Throttled"),
        ("You exceeded your current quota.", [{"violations": METRIC}], "Throttled"),
    ],
    ids=["in its details", "in its text", "another quota", "the name elsewhere", "no list"],
)
def test_a_429_may_be_about_the_room_for_files(message: str, details: Any, kind: str) -> None:
    full = answer(429, "RESOURCE_EXHAUSTED", message, details)
    error = classify.of_answer(full, call="files.upload")
    assert type(error).__name__ == kind
    creating = classify.of_answer(full, call="batches.create", creating=True)
    assert type(creating).__name__ == "Throttled"


def test_a_full_storage_is_not_waited_for_as_long_as_google_says() -> None:
    details = [*IN_DETAILS, {"@type": "google.rpc.RetryInfo", "retryDelay": f"{2**63 - 1}s"}]
    full = answer(429, "RESOURCE_EXHAUSTED", details=details)
    assert classify.of_answer(full, call="files.upload").retry_after is None


def test_a_message_says_which_call_google_refused_and_why() -> None:
    error = classify.of_answer(
        answer(404, "NOT_FOUND", "models/nope is not found"), call="batches.create", creating=True
    )
    assert str(error) == "batches.create: Google answered 404 NOT_FOUND: models/nope is not found"


def test_s22_a_message_is_one_bounded_line_without_key_and_callback_address() -> None:
    said = (
        f"\x1b[2J{KEY} and AIzaSyA1234567890abcdef may not call\n"
        "https://r.example/v1/callbacks/geminibatchjobs/a/b/c/d/token " + "x" * 10_000
    )
    error = classify.of_answer(answer(403, "DENIED", said), call="batches.get", secrets=[KEY])
    message = str(error)
    assert len(message) < 1200
    assert "\n" not in message
    assert "\x1b" not in message
    for secret in (KEY, "AIza", "callbacks", "token"):
        assert secret not in message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad Gateway</html>",
        b"null",
        b'{"error": null}',
        b'{"error": "text"}',
        b'{"error": {"message": 5, "status": ["x"], "details": "no"}}',
        b'{"error": {"details": [1, null, {"reason": 5}]}}',
        b'[{"error": {"message": "m"}}]',
        b"[" * 60_000,
    ],
)
def test_a_body_of_any_shape_leaves_the_status_to_decide(body: bytes) -> None:
    error = classify.of_answer(Answer(503, {}, body), call="batches.get")
    assert isinstance(error, errors.Unavailable)
    assert "503" in str(error)


REQUEST = httpx2.Request("POST", "https://google.example", headers={"x-goog-api-key": KEY})
BROKEN = [
    TimeoutError(),
    httpx2.ReadTimeout("t"),
    httpx2.ConnectTimeout("t"),
    httpx2.ConnectError(f"refused {KEY}"),
    httpx2.ReadError("r"),
    httpx2.RemoteProtocolError("peer closed"),
    httpx2.DecodingError("d"),
    ConnectionResetError(),
    json.JSONDecodeError("bad", KEY, 0),
    ValueError(KEY),
    RecursionError(),
    errors.TooLarge("big"),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda error: type(error).__name__)
def test_p10_a_create_without_an_answer_is_ambiguous_once_a_connection_stood(
    broken: Exception,
) -> None:
    error = classify.of_exception(broken, call="batches.create", creating=True, secrets=[KEY])
    unconnected = isinstance(broken, httpx2.ConnectError | httpx2.ConnectTimeout)
    assert type(error) is (errors.NotSent if unconnected else errors.Ambiguous)
    assert KEY not in str(error)


@pytest.mark.parametrize("broken", BROKEN[:-1], ids=lambda error: type(error).__name__)
def test_another_call_without_an_answer_is_unavailable(broken: Exception) -> None:
    error = classify.of_exception(broken, call="batches.get", secrets=[KEY])
    assert type(error) is errors.Unavailable
    assert KEY not in str(error)


def test_p08_a_create_that_was_stopped_is_known_not_to_have_happened() -> None:
    stopped = errors.NotSent("late")
    assert classify.of_exception(stopped, call="batches.create", creating=True) is stopped


def test_too_large_stays_what_it_is_for_a_read() -> None:
    big = errors.TooLarge("big")
    assert classify.of_exception(big, call="batches.get") is big


@pytest.mark.parametrize(("given_answer", "kind"), CREATE)
def test_p10_errors_of_the_sdk_and_of_httpx2_are_read_like_raw_answers(
    given_answer: Answer, kind: str
) -> None:
    response = httpx2.Response(
        given_answer.status,
        headers=dict(given_answer.headers),
        content=given_answer.body,
        request=REQUEST,
    )
    classic = genai_errors.APIError(response.status_code, response.json(), response)
    status_error = httpx2.HTTPStatusError("x", request=REQUEST, response=response)
    for error in (classic, status_error):
        found = classify.of_exception(error, call="batches.create", creating=True)
        assert type(found).__name__ == kind


def test_a_response_that_was_never_read_is_classified_by_its_status() -> None:
    response = httpx2.Response(404, stream=httpx2.ByteStream(b"{}"), request=REQUEST)
    unread = httpx2.HTTPStatusError("x", request=REQUEST, response=response)
    assert isinstance(classify.of_exception(unread, call="batches.get"), errors.NotFound)
