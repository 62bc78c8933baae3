import pytest

from gemini_operator.receiver.responses import CallbackResponse, Result, http_response


@pytest.mark.parametrize("result", list(Result))
def test_an_answer_is_never_a_redirect_and_never_410(result: Result) -> None:
    status = CallbackResponse(result).status
    assert status == 200 or 400 <= status < 500 or status == 503
    assert status != 410


@pytest.mark.parametrize("result", list(Result))
def test_the_body_is_the_statuss_own_words(result: Result) -> None:
    made = http_response(CallbackResponse(result))
    assert made.text == f"{made.reason}\n"
    assert made.headers["Server"] == "gemini-operator"


def test_only_what_is_durable_or_irrelevant_is_acknowledged() -> None:
    acknowledged = {result for result in Result if CallbackResponse(result).status < 300}
    assert acknowledged == {Result.RECORDED, Result.IRRELEVANT}


@pytest.mark.parametrize(
    ("wait", "told"), [(None, "5"), (0.0, "1"), (0.2, "1"), (17.2, "18"), (1e9, "3600")]
)
def test_who_may_come_back_is_told_when(wait: float | None, told: str) -> None:
    for result in Result:
        made = http_response(CallbackResponse(result, wait))
        if made.status in (429, 503):
            assert made.headers["Retry-After"] == told
        else:
            assert "Retry-After" not in made.headers


def test_the_headers_that_http_asks_for() -> None:
    assert http_response(CallbackResponse(Result.BAD_METHOD)).headers["Allow"] == "POST"
    assert "WWW-Authenticate" in http_response(CallbackResponse(Result.BAD_SIGNATURE)).headers
