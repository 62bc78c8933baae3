from typing import Any

import pytest

from gemini_operator.controller.lifecycle import policies, ttl
from gemini_operator.controller.lifecycle.view import Dispose, Remove, View, Wait
from tests.unit.controller.builders import (
    BATCH,
    EARLIER,
    TO_CONFIG_MAP,
    a_batch,
    a_snapshot,
    a_view,
    ago,
    an_attempt,
    finished,
    note,
    submitted,
)


def lasting(seconds: int | None, status: dict[str, Any], **of_job: Any) -> View:
    """A job that shall last so many seconds after its end."""
    spec: dict[str, Any] = {"output": TO_CONFIG_MAP}
    if seconds is not None:
        spec["ttlSecondsAfterFinished"] = seconds
    return a_view(spec=spec, status=status, **of_job)


def ended(seconds: float) -> dict[str, Any]:
    """The status of a job that ended so many seconds ago."""
    return finished() | {"completionTime": ago(seconds)}


@pytest.mark.parametrize(
    ("seconds", "status", "left"),
    [
        pytest.param(0, ended(0), 0.0, id="0: at once"),
        pytest.param(60, ended(0), 60.0, id="later"),
        pytest.param(60, ended(59), 1.0, id="soon"),
        pytest.param(60, ended(60), 0.0, id="now"),
        pytest.param(60, ended(1000), 0.0, id="long overdue"),
        pytest.param(None, ended(1000), None, id="absent: never"),
        pytest.param(0, submitted(), None, id="not finished"),
    ],
)
def test_p24_a_finished_job_deletes_itself_when_its_time_has_come(
    seconds: int | None, status: dict[str, Any], left: float | None
) -> None:
    view = lasting(seconds, status)
    assert ttl.remaining(view) == left
    assert ttl.decide(view) == (Remove() if left == 0.0 else None)


@pytest.mark.parametrize("state", ["Complete", "Failed"])
def test_p24_whatever_its_end_was(state: str) -> None:
    view = lasting(0, {"state": state, "completionTime": ago(0)}, held=False)
    assert policies.decide(view, None) == Remove()


def test_p24_the_end_of_its_time_wakes_the_job() -> None:
    view = lasting(60, ended(20))
    assert policies.decide(view, None) == Wait()
    assert policies.alarm(view) == 40.0


def test_p24_a_job_without_a_ttl_is_never_woken() -> None:
    assert policies.alarm(lasting(None, ended(20))) is None


def test_p16_deletion_goes_before_the_ttl() -> None:
    """Its own deletion too: it is asked for once, then carried out."""
    assert policies.decide(lasting(0, ended(10), deleting=True), None) == Dispose((BATCH,))
    assert policies.decide(lasting(0, ended(10), deleting=True, held=False), None) == Wait()


def test_p12_a_duplicate_that_has_surfaced_goes_before_the_ttl() -> None:
    view = lasting(0, ended(10) | {"supersededAttempts": [an_attempt(EARLIER)]})
    note(view, a_snapshot(a_batch("batches/late", attempt=EARLIER)))
    assert isinstance(policies.decide(view, None), Dispose)
