from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import policies, suspension
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Cancel,
    ListRemote,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    NOW,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    ago,
    an_attempt,
    an_event,
    cancelling,
    delivering,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)

SUSPEND = {"suspend": True}
RETRIES = {"backoffLimit": 2}
SUSPENDING = a_condition("Suspended", "False", "Suspending", Reason.SUSPENDING.message)
SUSPENDED = a_condition("Suspended", "True", "Suspended")
CANCELLED = "BATCH_STATE_CANCELLED"


def suspended(status: dict[str, Any] | None = None, **of_job: Any) -> Snapshot:
    return a_snapshot(spec=SUSPEND, status=status or {}, **of_job)


def waiting(**members: Any) -> dict[str, Any]:
    """The status of a suspended job."""
    said = a_condition("Submitted", "False", "Suspended")
    return {"state": "Suspended", "conditions": [said, SUSPENDED], **members}


def pass_over(snapshot: Snapshot, remote: Any = None) -> Status:
    return written(delivering(snapshot, policies.decide(snapshot, remote)))


# Before the submission


@pytest.mark.parametrize("has_finalizer", [False, True])
def test_p16_a_job_created_suspended_sends_nothing_and_says_so_once(has_finalizer: bool) -> None:
    """Nor does it get a finalizer: it can go as it came."""
    decision = policies.decide(suspended(has_finalizer=has_finalizer), None)
    status = written(decision)
    assert reason_of(status, "Suspended") == ("True", Reason.SUSPENDED)
    assert reason_of(status, "Submitted") == ("False", Reason.SUSPENDED)
    assert (status.state, status.start_time) == ("Suspended", None)
    assert isinstance(decision, PatchStatus)
    assert [event.reason for event in decision.events] == [Reason.SUSPENDED]
    assert (
        policies.decide(suspended(status.dump(), has_finalizer=has_finalizer), None)
        == RequeueAfter()
    )


def test_p16_suspend_stops_a_job_that_waits_in_the_queue() -> None:
    """And with it the clock of its deadline."""
    queued = {
        "state": "Queued",
        "startTime": ago(100),
        "conditions": [a_condition("Submitted", "False", "QuotaExceeded")],
    }
    status = pass_over(suspended(queued))
    assert (status.state, status.start_time) == ("Suspended", None)
    assert reason_of(status, "Submitted") == ("False", Reason.SUSPENDED)


@pytest.mark.parametrize(
    ("reason", "stays"),
    [("InputMissing", False), ("OutputRefused", False), ("CredentialsRejected", True)],
)
def test_a_suspended_job_is_not_stalled_for_what_nobody_tries(reason: str, stays: bool) -> None:
    trouble = a_condition("Stalled", "False", reason)
    status = pass_over(suspended({"state": "Queued", "conditions": [trouble]}))
    assert reason_of(status, "Stalled") == (("False", reason) if stays else None)
    assert policies.decide(suspended(status.dump()), None) == RequeueAfter()


def test_p16_a_resumed_job_is_submitted() -> None:
    decision = policies.decide(a_snapshot(status=waiting(), has_finalizer=False), None)
    status = written(decision)
    assert reason_of(status, "Suspended") == ("False", Reason.RESUMED)
    assert reason_of(status, "Submitted") == ("False", Reason.RESUMED)
    assert status.state == "Queued"
    assert isinstance(decision, PatchStatus)
    assert [event.reason for event in decision.events] == [Reason.RESUMED]
    assert (
        policies.decide(a_snapshot(status=status.dump(), has_finalizer=False), None)
        == AddFinalizer()
    )
    assert policies.decide(a_snapshot(status=status.dump()), None) == Submit(1)


def test_a_job_that_was_never_suspended_has_no_such_condition() -> None:
    assert suspension.decide(a_snapshot()) is None


def test_p16_suspend_and_resume_as_often_as_one_likes() -> None:
    """Each condition moves with its value, and only then."""
    status = Status()
    for number in range(6):
        asked = number % 2 == 0
        snapshot = a_snapshot(spec={"suspend": asked}, status=status.dump(), generation=number + 1)
        status = pass_over(snapshot)
        value = "True" if asked else "False"
        assert reason_of(status, "Suspended") == (
            value,
            Reason.SUSPENDED if asked else Reason.RESUMED,
        )
        assert status.observed_generation == number + 1
        again = a_snapshot(spec={"suspend": asked}, status=status.dump(), generation=number + 1)
        assert policies.decide(again, None) == (RequeueAfter() if asked else Submit(1))


# After it


def test_p16_an_attempt_without_an_answer_is_settled_first() -> None:
    assert suspension.decide(suspended(unnamed())) is None
    assert policies.decide(suspended(unnamed()), None) == ListRemote(0.0)


def test_p16_a_running_batch_is_cancelled_and_the_condition_says_why() -> None:
    first = policies.decide(suspended(submitted()), None)
    status = written(first)
    assert status.state == State.CANCELLING
    assert reason_of(status, "Suspended") == ("False", Reason.SUSPENDING)
    assert status.attempt is not None
    assert policies.decide(suspended(status.dump()), None) == Cancel(BATCH)


def test_p16_its_end_leaves_a_suspended_job_without_a_batch() -> None:
    counts = {"total": 3, "succeeded": 0, "failed": 0, "pending": 3}
    snapshot = suspended(cancelling(SUSPENDING, requests=counts, startTime=ago(100)))
    status = pass_over(snapshot, seen(CANCELLED))
    assert (status.attempt, status.batch_name, status.gemini_state, status.requests) == (None,) * 4
    assert (status.state, status.start_time) == ("Suspended", None)
    assert status.completion_time is None
    assert status.failures == 0, "only FAILED and EXPIRED count (P15)"
    assert reason_of(status, "Suspended") == ("True", Reason.SUSPENDED)
    assert reason_of(status, "Submitted") == ("False", Reason.SUSPENDED)
    [old] = status.superseded_attempts
    assert (old.id, old.batch_name, old.reason) == (ATTEMPT, BATCH, Reason.SUSPENDED)
    assert policies.decide(suspended(status.dump()), None) == RequeueAfter()


def test_p16_resumed_while_the_cancel_is_under_way_it_waits_for_the_old_batch_to_end() -> None:
    """What was begun is seen through, and nothing is sent meanwhile."""
    snapshot = a_snapshot(status=cancelling(SUSPENDING))
    assert policies.decide(snapshot, None) == Cancel(BATCH)
    snapshot.facts.note_cancel(BATCH, snapshot.monotonic)
    assert policies.decide(snapshot, None) == RequeueAfter(2.0)
    assert policies.decide(snapshot, seen()) == RequeueAfter(2.0)
    status = pass_over(snapshot, seen(CANCELLED))
    assert (status.state, status.attempt, status.start_time) == ("Queued", None, None)
    assert reason_of(status, "Suspended") == ("False", Reason.RESUMED)
    assert policies.decide(a_snapshot(status=status.dump()), None) == Submit(2)


def test_p16_start_time_is_set_again_by_the_next_attempt() -> None:
    resumed = pass_over(
        a_snapshot(status=cancelling(SUSPENDING, startTime=ago(100))), seen(CANCELLED)
    )
    assert "startTime" not in resumed.dump()
    # What the submitter writes ahead is proven in test_submission.


def test_p12_a_batch_that_surfaces_after_a_resume_starts_the_clock_and_lifts_the_suspension() -> (
    None
):
    snapshot = a_snapshot(status=waiting(supersededAttempts=[an_attempt(EARLIER)]))
    note(snapshot, a_list_snapshot(a_batch(attempt=EARLIER)))
    status = pass_over(snapshot)
    assert status.batch_name == BATCH
    assert status.start_time == NOW
    assert reason_of(status, "Suspended") == ("False", Reason.RESUMED)


def test_p12_a_batch_that_surfaces_while_suspended_is_taken_and_cancelled() -> None:
    snapshot = suspended(waiting(supersededAttempts=[an_attempt(EARLIER)]))
    note(snapshot, a_list_snapshot(a_batch(attempt=EARLIER)))
    taken = pass_over(snapshot)
    assert reason_of(taken, "Suspended") == ("False", Reason.SUSPENDING)
    marked = pass_over(suspended(taken.dump()))
    assert reason_of(marked, "Suspended") == ("False", Reason.SUSPENDING)
    assert policies.decide(suspended(marked.dump()), None) == Cancel(BATCH)


# Google's end wins


@pytest.mark.parametrize("spec", [SUSPEND, {}], ids=["suspended", "resumed"])
def test_p16_a_success_after_our_cancel_completes_the_job(spec: dict[str, Any]) -> None:
    snapshot = a_snapshot(spec=spec, status=cancelling(SUSPENDING))
    status = pass_over(snapshot, seen("BATCH_STATE_SUCCEEDED"))
    assert reason_of(status, "Complete") == ("True", Reason.SUCCEEDED)
    assert reason_of(status, "Suspended") is None


@pytest.mark.parametrize("end", ["FAILED", "EXPIRED"])
def test_p15_a_failure_after_our_cancel_counts_and_is_an_end_if_none_is_allowed(end: str) -> None:
    snapshot = suspended(cancelling(SUSPENDING))
    status = pass_over(snapshot, seen(f"BATCH_STATE_{end}"))
    assert reason_of(status, "Failed") is not None
    assert reason_of(status, "Suspended") is None
    assert status.failures == 1


@pytest.mark.parametrize("end", ["FAILED", "EXPIRED"])
def test_p15_a_failure_that_may_be_retried_counts_and_leaves_the_job_suspended(end: str) -> None:
    snapshot = a_snapshot(spec=SUSPEND | RETRIES, status=cancelling(SUSPENDING))
    status = pass_over(snapshot, seen(f"BATCH_STATE_{end}"))
    assert (status.state, status.failures, status.attempt) == ("Suspended", 1, None)
    assert status.superseded_attempts[0].reason == {
        "FAILED": Reason.REMOTE_FAILED,
        "EXPIRED": Reason.REMOTE_EXPIRED,
    }.get(end)


def test_p17_the_event_that_told_the_end_is_consumed_by_it() -> None:
    """It speaks of a batch that is over: the next one is not read because of it."""
    snapshot = suspended(cancelling(SUSPENDING, lastEvent=an_event(type="batch.cancelled")))
    assert pass_over(snapshot, seen(CANCELLED)).observed_event_id == "event-1"


def test_a_job_that_waits_for_resume_needs_nobody() -> None:
    """The batch was stuck; it is not any more."""
    stalled = a_condition("Stalled", "True", "RemoteStuck")
    status = pass_over(suspended(cancelling(SUSPENDING, stalled)), seen(CANCELLED))
    assert reason_of(status, "Stalled") is None
