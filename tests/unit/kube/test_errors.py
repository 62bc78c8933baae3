import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.kube import errors


def answer(status: int, headers: dict[str, str] | None = None, **members: Any) -> errors.KubeError:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", **members}
    return errors.from_answer(status, headers or {}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.ObjectNotFound),
        (409, "Conflict", errors.Conflict),
        (409, "AlreadyExists", errors.AlreadyExists),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.ApiServerUnavailable),
        (503, "ServiceUnavailable", errors.ApiServerUnavailable),
        (504, "Timeout", errors.ApiServerUnavailable),
        (410, "Expired", errors.KubeError),
        (307, "", errors.KubeError),
    ],
)
def test_each_refusal_has_its_own_type(
    status: int, reason: str, kind: type[errors.KubeError]
) -> None:
    error = answer(status, reason=reason, message="it says why")
    assert type(error) is kind
    assert error.status == status
    assert "it says why" in str(error)


def test_existing_is_no_conflict_that_reading_again_would_solve() -> None:
    assert not isinstance(answer(409, reason="AlreadyExists"), errors.Conflict)


def test_s13_only_a_schema_or_a_policy_gives_causes() -> None:
    denied = answer(422, reason="Invalid", details={"causes": [{"message": "denied"}]})
    failed = answer(422, reason="Invalid", details={})
    assert isinstance(denied, errors.Invalid)
    assert isinstance(failed, errors.Invalid)
    assert denied.has_causes
    assert not failed.has_causes


def test_p22_a_terminating_namespace_is_told_from_a_missing_right() -> None:
    causes = [{"reason": "NamespaceTerminating", "message": "…", "field": "metadata.namespace"}]
    terminating = answer(403, reason="Forbidden", details={"causes": causes})
    missing = answer(403, reason="Forbidden", details={})
    assert isinstance(terminating, errors.Forbidden)
    assert isinstance(missing, errors.Forbidden)
    assert terminating.namespace_terminating
    assert not missing.namespace_terminating


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "3"}, {"retryAfterSeconds": 9}, 3.0),
        ({}, {"retryAfterSeconds": 9}, 9.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, {"retryAfterSeconds": 9}, 9.0),
        ({"Retry-After": "-1"}, {}, 0.0),
        ({"Retry-After": "99999999"}, {}, errors.MAX_RETRY_AFTER),
        ({"Retry-After": "nan"}, {}, None),
        ({}, {"retryAfterSeconds": [1]}, None),
        ({}, {}, None),
    ],
)
def test_the_wait_that_the_server_asks_for_is_bounded(
    headers: dict[str, str], details: dict[str, Any], seconds: float | None
) -> None:
    error = answer(429, headers, reason="TooManyRequests", details=details)
    assert error.retry_after == seconds


@given(status=st.integers(300, 599), body=st.binary(max_size=200))
def test_no_answer_is_too_odd_for_an_error(status: int, body: bytes) -> None:
    assert errors.from_answer(status, {}, body).status == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"details": {"causes": 5}}',
        b'{"details": {"causes": [5]}}',
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"details": 7, "reason": {}, "message": []}',
    ],
)
def test_s22_hostile_bodies_become_plain_errors(body: bytes) -> None:
    assert isinstance(errors.from_answer(404, {}, body), errors.ObjectNotFound)


def test_s22_messages_are_one_bounded_line_without_control_characters() -> None:
    error = answer(404, reason="NotFound", message="\x1b[31mred\r\n" + "x" * 10_000)
    assert error.message.startswith("red")
    assert error.message.isprintable()
    assert len(error.message) <= 1024
