from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import policies, retries
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from tests.unit.controller.builders import (
    ADOPTS,
    ATTEMPT,
    BATCH,
    NOW,
    a_condition,
    a_snapshot,
    ago,
    an_attempt,
    an_event,
    delivering,
    reason_of,
    seen,
    submitted,
    written,
)

FAILED, EXPIRED = "BATCH_STATE_FAILED", "BATCH_STATE_EXPIRED"


def limited(limit: int, status: dict[str, Any], seconds: float = 0.0, **of_job: Any) -> Snapshot:
    """A job with this `backoffLimit`, `seconds` from now."""
    spec = {"backoffLimit": limit, **of_job.pop("spec", {})}
    return a_snapshot(spec=spec, status=status, now=NOW + timedelta(seconds=seconds), **of_job)


def ended(end: str, limit: int, **members: Any) -> object:
    """A reconcile that sees the end of the job's batch."""
    snapshot = limited(limit, submitted(**members))
    return delivering(snapshot, policies.decide(snapshot, seen(end)))


def retrying(failures: int = 1) -> dict[str, Any]:
    """The status of a job whose batch has just failed."""
    decision = ended(FAILED, 10, failures=failures - 1)
    return written(decision).dump()


@pytest.mark.parametrize(
    ("end", "reason"), [(FAILED, Reason.REMOTE_FAILED), (EXPIRED, Reason.REMOTE_EXPIRED)]
)
def test_p15_a_failure_that_may_be_retried_is_counted_by_the_write_that_lets_go_of_the_batch(
    end: str, reason: Reason
) -> None:
    counts = {"total": 3, "succeeded": 0, "failed": 0, "pending": 3}
    decision = ended(end, 2, requests=counts, startTime=ago(100))
    status = written(decision)
    assert (status.failures, status.state, status.completion_time) == (1, "Queued", None)
    assert (status.attempt, status.batch_name, status.gemini_state, status.requests) == (None,) * 4
    assert reason_of(status, "Submitted") == ("False", Reason.RETRYING)
    assert reason_of(status, "Failed") is None
    assert status.start_time == NOW - timedelta(seconds=100), "the job goes on"
    [old] = status.superseded_attempts
    assert (old.id, old.batch_name, old.reason) == (ATTEMPT, BATCH, reason)
    assert isinstance(decision, PatchStatus)
    [event] = decision.events
    assert event.warning
    assert "Failure 1 of at most 2" in event.note
    assert reason.value in event.note


def test_what_google_said_of_the_failure_is_not_lost() -> None:
    error = {"code": 3, "message": "The model is overloaded."}
    snapshot = limited(1, submitted())
    decision = policies.decide(snapshot, seen(FAILED, error=error))
    assert isinstance(decision, PatchStatus)
    assert "The model is overloaded (Google's code 3)." in decision.events[0].note


@pytest.mark.parametrize(
    ("limit", "failures", "goes_on"),
    [(0, 0, False), (1, 0, True), (1, 1, False), (3, 2, True), (3, 3, False), (3, 7, False)],
)
def test_p15_so_many_new_batches_as_the_limit_says(
    limit: int, failures: int, goes_on: bool
) -> None:
    status = written(ended(EXPIRED, limit, failures=failures))
    assert (status.completion_time is None) is goes_on
    assert status.failures == failures + 1


@pytest.mark.parametrize(
    ("end", "limit", "reason", "state"),
    [
        pytest.param(FAILED, 0, Reason.REMOTE_FAILED, "Failed", id="none allowed"),
        pytest.param(EXPIRED, 0, Reason.REMOTE_EXPIRED, "Expired", id="none allowed, expired"),
        pytest.param(FAILED, 2, Reason.BACKOFF_LIMIT_EXCEEDED, "Failed", id="no more allowed"),
        pytest.param(EXPIRED, 2, Reason.BACKOFF_LIMIT_EXCEEDED, "Expired", id="no more, expired"),
    ],
)
def test_p24_the_last_failure_ends_the_job_with_its_reason(
    end: str, limit: int, reason: Reason, state: str
) -> None:
    status = written(ended(end, limit, failures=limit))
    assert reason_of(status, "Failed") == ("True", reason)
    assert status.state == state
    assert status.batch_name == BATCH, "the last one stays to be looked at"


def test_p24_backoff_limit_exceeded_says_how_the_last_one_ended() -> None:
    status = written(ended(EXPIRED, 1, failures=1))
    assert "The last one: RemoteExpired." in status.conditions[-1].message


@pytest.mark.parametrize("end", ["BATCH_STATE_CANCELLED", "BATCH_STATE_SUCCEEDED"])
def test_p15_no_other_end_is_ever_retried(end: str) -> None:
    status = written(ended(end, 5))
    assert status.completion_time is not None
    assert status.failures == 0


@pytest.mark.parametrize(
    "spec",
    [{"shutdown": "Cancel"}, {"activeDeadlineSeconds": 60}],
    ids=["shut down", "out of time"],
)
def test_p16_nothing_is_retried_of_a_job_that_shall_end(spec: dict[str, Any]) -> None:
    snapshot = limited(5, submitted(startTime=ago(100)), spec=spec)
    status = written(policies.decide(snapshot, seen(FAILED)))
    assert reason_of(status, "Failed") == ("True", Reason.REMOTE_FAILED), "Google's end wins"
    assert status.failures == 1


# The pause


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 360), (8, 360), (1000, 360)],
)
def test_the_pause_doubles_up_to_six_minutes(failures: int, seconds: float) -> None:
    assert retries.pause(failures) == seconds
    decision = ended(FAILED, 1000, failures=failures - 1)
    assert isinstance(decision, PatchStatus)
    assert decision.seconds == seconds


@pytest.mark.parametrize(
    ("passed", "decision"),
    [
        (0.0, RequeueAfter(20.0)),
        (5.0, RequeueAfter(15.0)),
        (19.0, RequeueAfter(1.0)),
        (20.0, Submit(3)),
        (99.0, Submit(3)),
    ],
)
def test_the_next_attempt_waits_for_its_end(passed: float, decision: Decision) -> None:
    """Also in another process: the status tells when it began."""
    assert policies.decide(limited(10, retrying(2), passed), None) == decision


def test_a_job_that_waits_for_quota_afterwards_does_not_back_off_again() -> None:
    queued = retrying() | {"conditions": [a_condition("Submitted", "False", "Queued")]}
    assert retries.decide(limited(10, queued)) is None


@pytest.mark.parametrize(
    "status",
    [{}, submitted(), retrying() | {"attempt": an_attempt()}],
    ids=["new", "running", "tried again"],
)
def test_nobody_else_pauses(status: dict[str, Any]) -> None:
    assert retries.decide(limited(10, status)) is None


@pytest.mark.parametrize(
    ("spec", "kind", "reason"),
    [
        ({"shutdown": "Cancel"}, "Failed", Reason.CANCELLED),
        ({"activeDeadlineSeconds": 1}, "Failed", Reason.DEADLINE_EXCEEDED),
        ({"suspend": True}, "Suspended", Reason.SUSPENDED),
    ],
)
def test_p16_the_pause_can_be_cut_short(spec: dict[str, Any], kind: str, reason: Reason) -> None:
    snapshot = limited(10, retrying() | {"startTime": ago(60)}, spec=spec)
    assert reason_of(written(policies.decide(snapshot, None)), kind) == ("True", reason)


# What else belongs to it


def test_p17_the_event_that_told_the_failure_is_consumed_by_it() -> None:
    """It speaks of a batch that is over: the next one is not read because of it."""
    event = an_event(type="batch.failed")
    status = written(ended(FAILED, 1, lastEvent=event))
    assert status.observed_event_id == "event-1"


def test_a_job_that_is_tried_again_needs_nobody() -> None:
    """The batch was stuck, then expired."""
    stalled = a_condition("Stalled", "True", "RemoteStuck")
    said = a_condition("Submitted", "True", "Submitted")
    assert reason_of(written(ended(EXPIRED, 1, conditions=[said, stalled])), "Stalled") is None


def test_p25_an_adopted_batch_is_not_retried() -> None:
    """The schema holds `backoffLimit` at 0 there."""
    status = written(policies.decide(a_snapshot(spec=ADOPTS, status=submitted()), seen(EXPIRED)))
    assert reason_of(status, "Failed") == ("True", Reason.REMOTE_EXPIRED)


def test_a_success_after_failures_is_a_success() -> None:
    snapshot = limited(3, submitted(failures=2))
    status: Status = written(
        delivering(snapshot, policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED")))
    )
    assert reason_of(status, "Complete") == ("True", Reason.SUCCEEDED)
    assert status.failures == 2
