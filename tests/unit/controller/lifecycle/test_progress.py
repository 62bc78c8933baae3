"""`Reconciling`, `Stalled` and the reason, as kstatus and people read them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.conditions import find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import policies, progress
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RequeueAfter
from gemini_operator.controller.lifecycle.progress import GRACE, problem, with_progress
from tests.unit.controller.builders import (
    NOW,
    a_condition,
    a_snapshot,
    reason_of,
    submitted,
    written,
)


def shown(status: Status) -> tuple[Any, Any, str | None]:
    return reason_of(status, "Reconciling"), reason_of(status, "Stalled"), status.reason


def of(*conditions: dict[str, Any], **fields: Any) -> Status:
    snapshot = a_snapshot(status=submitted(conditions=list(conditions), **fields))
    return with_progress(snapshot, snapshot.status)


OVER = {"completionTime": "2026-11-18T12:00:00Z"}
SUBMITTED = a_condition("Submitted", "True", "Submitted")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (of(SUBMITTED), (("True", "Submitted"), None, None)),
        (
            of(a_condition("Submitted", "False", "QuotaExceeded"), state="Queued"),
            (("True", "QuotaExceeded"), None, "QuotaExceeded"),
        ),
        (
            of(a_condition("Submitted", "False", "Queued"), state="Queued"),
            (("True", "Queued"), None, None),
        ),
        (
            of(SUBMITTED, a_condition("Complete", "False", "WaitingForResults")),
            (("True", "WaitingForResults"), None, "WaitingForResults"),
        ),
        (
            of(SUBMITTED, a_condition("Suspended", "False", "Suspending")),
            (("True", "Suspending"), None, "Suspending"),
        ),
        (of(a_condition("Suspended", "True", "Suspended"), state="Suspended"), (None, None, None)),
        (
            of(SUBMITTED, a_condition("Stalled", "True", "RemoteStuck")),
            (None, ("True", "RemoteStuck"), "RemoteStuck"),
        ),
        (
            of(SUBMITTED, a_condition("Stalled", "False", "RemoteUnavailable")),
            (("True", "RemoteUnavailable"), ("False", "RemoteUnavailable"), "RemoteUnavailable"),
        ),
        (
            of(SUBMITTED, a_condition("Complete", "True", "Succeeded"), state="Succeeded", **OVER),
            (None, None, None),
        ),
        (
            of(SUBMITTED, a_condition("Complete", "True", "ResultsMismatch"), **OVER),
            (None, None, "ResultsMismatch"),
        ),
        (
            of(SUBMITTED, a_condition("Failed", "True", "RemoteFailed"), state="Failed", **OVER),
            (None, ("True", "RemoteFailed"), "RemoteFailed"),
        ),
    ],
)
def test_one_of_them_says_how_the_job_stands(status: Status, expected: tuple[Any, ...]) -> None:
    assert shown(status) == expected


def test_a_problem_that_recovers_stalls_the_job_after_five_minutes() -> None:
    snapshot = a_snapshot(status=submitted(conditions=[SUBMITTED]))
    message = "No ConfigMap x."
    status = with_progress(
        snapshot, problem(snapshot, snapshot.status, Reason.INPUT_MISSING, message)
    )
    assert shown(status)[:2] == (("True", "InputMissing"), ("False", "InputMissing"))
    assert [c.message for c in status.conditions[1:]] == [message, message]
    job = replace(snapshot.job, status=status)
    before = a_snapshot(job, now=NOW + GRACE - timedelta(seconds=1))
    assert progress.remaining(before) == 1.0
    assert policies.alarm(before) == 1.0
    after = a_snapshot(job, now=NOW + GRACE)
    stalled = with_progress(after, after.status)
    assert shown(stalled) == (None, ("True", "InputMissing"), "InputMissing")
    condition = find(stalled.conditions, "Stalled")
    assert condition is not None
    assert condition.last_transition_time == NOW + GRACE
    assert progress.remaining(a_snapshot(replace(job, status=stalled))) is None
    # What comes after it does not begin again with five minutes.
    snapshot = a_snapshot(replace(job, status=stalled))
    other = problem(snapshot, stalled, Reason.OUTPUT_REFUSED, "No.")
    assert reason_of(other, "Stalled") == ("True", "OutputRefused")


def test_what_only_a_person_can_end_stalls_at_once() -> None:
    snapshot = a_snapshot(status=submitted(conditions=[SUBMITTED]))
    status = problem(snapshot, snapshot.status, Reason.CREDENTIALS_REJECTED, "401")
    assert shown(with_progress(snapshot, status))[:2] == (None, ("True", "CredentialsRejected"))


def test_it_changes_nothing_twice() -> None:
    for conditions in ([SUBMITTED], [SUBMITTED, a_condition("Failed", "True", "Cancelled")]):
        snapshot = a_snapshot(status=submitted(conditions=conditions))
        once = with_progress(snapshot, snapshot.status)
        later = a_snapshot(status=once.dump(), now=NOW + timedelta(seconds=30))
        assert with_progress(later, later.status) == once


def test_a_job_that_waits_too_long_is_written_even_if_there_is_nothing_else_to_do() -> None:
    snapshot = a_snapshot(status=submitted(conditions=[SUBMITTED]))
    waits = problem(snapshot, snapshot.status, Reason.REMOTE_UNAVAILABLE, "503")
    status = waits.dump()
    late = a_snapshot(status=status, now=NOW + timedelta(minutes=6))
    assert isinstance(policies.decide(late, None), PatchStatus)
    assert written(policies.decide(late, None)).observed_generation is not None
    early = a_snapshot(status=status, now=NOW + timedelta(minutes=4))
    assert isinstance(policies.decide(early, None), RequeueAfter)
