import json

import pytest

from gemini_operator.api.group import GROUP, PLURAL
from gemini_operator.kube import errors
from gemini_operator.receiver.record import response_to
from gemini_operator.receiver.responses import Result

from .conftest import TARGET

MISSING = (GROUP, PLURAL, TARGET.name)


@pytest.mark.row(107, 111)
@pytest.mark.parametrize(
    ("error", "result", "status"),
    [
        (errors.ObjectNotFound(404, "NotFound", "gone", missing=MISSING), Result.IRRELEVANT, 200),
        (errors.ObjectNotFound(404, "Status404", "no such kind"), Result.NOT_SERVED, 503),
        (errors.ObjectNotFound(404, "NotFound", "no resource"), Result.NOT_SERVED, 503),
        *(
            (errors.ObjectNotFound(404, "NotFound", "x", missing=other), Result.NOT_SERVED, 503)
            for other in [
                (GROUP, PLURAL, "another-job"),
                (GROUP, "geminicronjobs", TARGET.name),
                ("example.com", PLURAL, TARGET.name),
                ("", "namespaces", TARGET.namespace),
            ]
        ),
        (errors.Invalid("Invalid", "test failed", has_causes=False), Result.IRRELEVANT, 200),
        (errors.Invalid("Status422", "a proxy's", has_causes=False), Result.UNAVAILABLE, 503),
        (errors.Invalid("Invalid", "refused", has_causes=True), Result.DENIED, 503),
        (
            errors.Forbidden("Forbidden", "ending", namespace_terminating=True),
            Result.IRRELEVANT,
            200,
        ),
        (errors.Forbidden("Forbidden", "rbac", namespace_terminating=False), Result.FORBIDDEN, 503),
        (errors.Unauthorized(401, "Unauthorized", "token"), Result.FORBIDDEN, 503),
        (errors.Conflict(409, "Conflict", "changed"), Result.CONFLICT, 503),
        (errors.TooManyRequests(429, "TooManyRequests", "slow"), Result.THROTTLED, 503),
        (errors.ApiServerUnavailable(0, "Timeout", "slow"), Result.UNAVAILABLE, 503),
        (errors.ApiServerUnavailable(500, "InternalError", "etcd"), Result.UNAVAILABLE, 503),
        (errors.KubeError(418, "Teapot", "short"), Result.UNAVAILABLE, 503),
        (errors.BadName(400, "BadName", "x"), Result.UNAVAILABLE, 503),
    ],
)
def test_s13_what_a_refused_patch_means(
    error: errors.KubeError, result: Result, status: int
) -> None:
    response = response_to(error, TARGET)
    assert response.result is result
    assert response.status == status


@pytest.mark.parametrize("kind", [errors.TooManyRequests, errors.ApiServerUnavailable])
def test_the_wait_that_the_api_server_asks_for_is_passed_on(kind: type[errors.KubeError]) -> None:
    assert response_to(kind(429, "Busy", "later", retry_after=17.0), TARGET).retry_after == 17


def of_the_api_server(reason: object = "NotFound", **details: object) -> bytes:
    status = {"kind": "Status", "status": "Failure", "reason": reason, "details": details}
    return json.dumps({**status, "code": 404}).encode()


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (of_the_api_server(group=GROUP, kind=PLURAL, name=TARGET.name), Result.IRRELEVANT),
        (of_the_api_server(group=GROUP, kind=PLURAL, name="other"), Result.NOT_SERVED),
        (of_the_api_server(group=GROUP, kind=PLURAL), Result.NOT_SERVED),
        (of_the_api_server(kind=PLURAL, name=TARGET.name), Result.NOT_SERVED),
        (of_the_api_server(group=GROUP, kind=[PLURAL], name=TARGET.name), Result.NOT_SERVED),
        (of_the_api_server("", group=GROUP, kind=PLURAL, name=TARGET.name), Result.NOT_SERVED),
        (of_the_api_server(), Result.NOT_SERVED),
        (b"404 page not found\n", Result.NOT_SERVED),
        (b'{"reason": "NotFound", "details": []}', Result.NOT_SERVED),
        (b"", Result.NOT_SERVED),
    ],
)
def test_only_a_404_about_the_job_itself_says_that_it_is_gone(body: bytes, result: Result) -> None:
    assert response_to(errors.from_answer(404, {}, body), TARGET).result is result
