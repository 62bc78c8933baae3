import pytest

from gemini_operator.kube import errors
from gemini_operator.receiver.acknowledge import answer_to
from gemini_operator.receiver.answers import Result


@pytest.mark.parametrize(
    ("error", "result", "status"),
    [
        (errors.NotFound(404, "NotFound", "gone"), Result.IRRELEVANT, 200),
        (errors.NotFound(404, "Status404", "no such kind"), Result.UNAVAILABLE, 503),
        (errors.Invalid("Invalid", "test failed", has_causes=False), Result.IRRELEVANT, 200),
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
        (errors.Unavailable(0, "Timeout", "slow"), Result.UNAVAILABLE, 503),
        (errors.Unavailable(500, "InternalError", "etcd"), Result.UNAVAILABLE, 503),
        (errors.KubeError(418, "Teapot", "short"), Result.UNAVAILABLE, 503),
        (errors.BadName(400, "BadName", "x"), Result.UNAVAILABLE, 503),
    ],
)
def test_s13_what_a_refused_patch_means(
    error: errors.KubeError, result: Result, status: int
) -> None:
    answer = answer_to(error)
    assert answer.result is result
    assert answer.status == status


@pytest.mark.parametrize("kind", [errors.TooManyRequests, errors.Unavailable])
def test_the_wait_that_the_api_server_asks_for_is_passed_on(kind: type[errors.KubeError]) -> None:
    assert answer_to(kind(429, "Busy", "later", retry_after=17.0)).retry_after == 17
