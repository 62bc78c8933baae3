import pytest

from gemini_operator.base import metrics
from gemini_operator.gemini import errors
from gemini_operator.gemini.measure import measured, result_of

RESULTS = {
    errors.Rejected: "rejected",
    errors.CredentialsRejected: "credentials_rejected",
    errors.PermissionDenied: "permission_denied",
    errors.FileMissing: "file_missing",
    errors.NotFound: "not_found",
    errors.Throttled: "throttled",
    errors.StorageFull: "storage_full",
    errors.Unavailable: "unavailable",
    errors.NameTaken: "name_taken",
    errors.Ambiguous: "ambiguous",
    errors.NotSent: "not_sent",
    errors.TooLarge: "too_large",
}


def count(result: str, call: str = "tests.call") -> float:
    labels = {"call": call, "result": result}
    name = "gemini_operator_gemini_requests_total"
    return metrics.CONTROLLER.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(("error", "result"), RESULTS.items())
def test_a_failure_is_counted_by_its_kind(error: type[errors.GeminiError], result: str) -> None:
    assert result_of(error) == result
    before = count(result)
    with pytest.raises(error), measured("tests.call"):
        raise error("no")
    assert count(result) == before + 1


def test_every_kind_of_failure_has_a_label() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    assert kinds - {errors.GeminiError} == set(RESULTS)


@pytest.mark.parametrize(
    ("failure", "result"),
    [(None, "ok"), (ZeroDivisionError, "error"), (GeneratorExit, "interrupted")],
)
def test_other_ends_are_counted_too(failure: type[BaseException] | None, result: str) -> None:
    before = count(result)
    if failure is None:
        with measured("tests.call"):
            pass
    else:
        with pytest.raises(failure), measured("tests.call"):
            raise failure
    assert count(result) == before + 1
    labels = {"call": "tests.call"}
    name = "gemini_operator_gemini_request_duration_seconds_count"
    assert (metrics.CONTROLLER.get_sample_value(name, labels) or 0) >= 1
