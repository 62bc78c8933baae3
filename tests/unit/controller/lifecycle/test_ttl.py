from typing import Any

import pytest

from gemini_operator.controller.lifecycle import policies, ttl
from gemini_operator.controller.lifecycle.decisions import DeleteObject, DeleteRemote, RequeueAfter
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from tests.unit.controller.builders import (
    BATCH,
    EARLIER,
    TO_CONFIG_MAP,
    a_batch,
    a_list_snapshot,
    a_snapshot,
    ago,
    an_attempt,
    finished,
    note,
    submitted,
)


def lasting(seconds: int | None, status: dict[str, Any], **of_job: Any) -> Snapshot:
    """A job that shall last so many seconds after its end."""
    spec: dict[str, Any] = {"output": TO_CONFIG_MAP}
    if seconds is not None:
        spec["ttlSecondsAfterFinished"] = seconds
    return a_snapshot(spec=spec, status=status, **of_job)


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
    snapshot = lasting(seconds, status)
    assert ttl.remaining(snapshot) == left
    assert ttl.decide(snapshot) == (DeleteObject() if left == 0.0 else None)


@pytest.mark.parametrize("state", ["Complete", "Failed"])
def test_p24_whatever_its_end_was(state: str) -> None:
    snapshot = lasting(0, {"state": state, "completionTime": ago(0)}, has_finalizer=False)
    assert policies.decide(snapshot, None) == DeleteObject()


def test_p24_the_end_of_its_time_wakes_the_job() -> None:
    snapshot = lasting(60, ended(20))
    assert policies.decide(snapshot, None) == RequeueAfter()
    assert policies.alarm(snapshot) == 40.0


def test_p24_a_job_without_a_ttl_is_never_woken() -> None:
    assert policies.alarm(lasting(None, ended(20))) is None


def test_p16_deletion_goes_before_the_ttl() -> None:
    """Its own deletion too: it is asked for once, then carried out."""
    assert policies.decide(lasting(0, ended(10), deleting=True), None) == DeleteRemote((BATCH,))
    assert (
        policies.decide(lasting(0, ended(10), deleting=True, has_finalizer=False), None)
        == RequeueAfter()
    )


def test_p12_a_duplicate_that_has_surfaced_goes_before_the_ttl() -> None:
    snapshot = lasting(0, ended(10) | {"supersededAttempts": [an_attempt(EARLIER)]})
    note(snapshot, a_list_snapshot(a_batch("batches/late", attempt=EARLIER)))
    assert isinstance(policies.decide(snapshot, None), DeleteRemote)
