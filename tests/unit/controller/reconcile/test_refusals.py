import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.reconcile import refusals
from gemini_operator.payload.objects import errors
from gemini_operator.payload.requests import InputMissing, InputRefused
from tests.unit.controller.builders import a_snapshot, reason_of


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (errors.AccessDenied, Reason.INPUT_REFUSED),
        (errors.UnknownCredentials, Reason.INPUT_REFUSED),
        (errors.NotAllowed, Reason.INPUT_REFUSED),
        (errors.InvalidReference, Reason.INPUT_REFUSED),
        (errors.SourceMissing, Reason.INPUT_MISSING),
        (errors.BucketMissing, Reason.INPUT_MISSING),
        (errors.Unavailable, Reason.INPUT_MISSING),
        (errors.TooSlow, Reason.INPUT_MISSING),
        (errors.Truncated, Reason.INPUT_MISSING),
        (errors.SourceChanged, Reason.INPUT_MISSING),
    ],
)
def test_an_object_is_missing_or_refused(kind: type[errors.ObjectError], reason: Reason) -> None:
    assert refusals.of_input(kind("")) is reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [(InputMissing("no x"), Reason.INPUT_MISSING), (InputRefused("no x"), Reason.INPUT_REFUSED)],
)
def test_a_config_map_is_missing_or_refused(error: Exception, reason: Reason) -> None:
    write = refusals.before_submission(a_snapshot(status={}), error)
    assert reason_of(write.status, "Stalled") == ("False", reason)
    assert write.events[0].note == reason.explain("no x.")
