from typing import Any

import pytest
from structlog.testing import capture_logs

from gemini_operator.controller.job import Job
from gemini_operator.controller.transitions import Transitions, lines
from tests.unit.controller.builders import (
    BATCH,
    OTHER_UID,
    a_condition,
    a_job,
    ago,
    cancelling,
    finished,
    submitted,
    unnamed,
)

JSON = dict[str, Any]

STALLED = a_condition("Stalled", "True", "CredentialsMissing")
WAITING = a_condition("Stalled", "False", "CredentialsMissing")
REFUSED = a_condition("Stalled", "True", "CredentialsRejected")
SUBMITTED = a_condition("Submitted", "True", "Submitted")
ADOPTED = a_condition("Submitted", "True", "Adopted")
SUSPENDED = a_condition("Suspended", "True", "Suspended")
SUSPENDING = a_condition("Suspended", "False", "Suspending")
RESUMED = a_condition("Suspended", "False", "Resumed")
CANCELLED = a_condition("Failed", "True", "Cancelled")
QUEUED: JSON = {"state": "Queued"}


def news(before: JSON, after: JSON, **of_job: Any) -> list[tuple[str, JSON]]:
    told = lines(a_job(status=before, **of_job), a_job(status=after, **of_job))
    return [(line.event, dict(line.fields)) for line in told]


def only(before: JSON, after: JSON, **of_job: Any) -> tuple[str, JSON]:
    (told,) = news(before, after, **of_job)
    return told


def test_a_submission_names_the_batch_and_the_attempt() -> None:
    fields = {"batch": BATCH, "attempt": 1}
    assert only(unnamed(), submitted()) == ("a job was submitted", fields)
    adopted = submitted(conditions=[ADOPTED])
    assert only(QUEUED, adopted) == ("a job has adopted its batch", fields)


def test_a_stalled_job_says_why_and_that_it_recovered() -> None:
    stalled = QUEUED | {"conditions": [STALLED]}
    event, fields = only(QUEUED, stalled)
    assert (event, fields["reason"]) == ("a job is stalled", "CredentialsMissing")
    assert fields["detail"] == STALLED["message"]
    event, fields = only(stalled, QUEUED | {"conditions": [REFUSED]})
    assert (event, fields["reason"]) == ("a job is stalled", "CredentialsRejected")
    assert only(stalled, QUEUED) == ("a job has recovered", {"reason": "CredentialsMissing"})


def test_a_job_that_waits_says_for_what_and_once_more_when_it_is_stalled() -> None:
    waits = QUEUED | {"conditions": [WAITING]}
    assert only(QUEUED, waits) == ("a job waits", {"reason": "CredentialsMissing", "detail": ""})
    assert news(waits, waits) == []
    assert only(waits, QUEUED | {"conditions": [STALLED]})[0] == "a job is stalled"
    assert only(waits, QUEUED)[0] == "a job has recovered"
    reconciling = a_condition("Reconciling", "True", "Submitting")
    assert news(QUEUED, QUEUED | {"conditions": [reconciling]}) == []


@pytest.mark.parametrize("reason", ["QuotaExceeded", "FileStorageFull"])
@pytest.mark.parametrize("before", ["WaitingToUpload", "Submitting"])
def test_a_job_that_waits_for_a_quota_at_google_says_so(before: str, reason: str) -> None:
    throttled = QUEUED | {"conditions": [a_condition("Submitted", "False", reason)]}
    state = "Submitting" if before == "Submitting" else "Queued"
    earlier = {"state": state, "conditions": [a_condition("Submitted", "False", before)]}
    event, fields = only(earlier, throttled)
    assert (event, fields["reason"]) == ("a job waits", reason)
    assert news(throttled, throttled) == []


@pytest.mark.parametrize(
    ("spec", "conditions", "reason"),
    [
        ({"shutdown": "Cancel"}, (), "spec.shutdown"),
        ({"suspend": True}, (SUSPENDING,), "spec.suspend"),
        ({"activeDeadlineSeconds": 60}, (), "spec.activeDeadlineSeconds"),
    ],
)
def test_a_cancel_says_for_what(spec: JSON, conditions: tuple[JSON, ...], reason: str) -> None:
    told = only(submitted(), cancelling(*conditions), spec=spec)
    assert told == ("a job is being cancelled", {"batch": BATCH, "reason": reason})


def test_suspended_and_resumed() -> None:
    suspended = {"state": "Suspended", "conditions": [SUSPENDED]}
    assert only(QUEUED, suspended) == ("a job is suspended", {})
    assert only(suspended, QUEUED | {"conditions": [RESUMED]}) == ("a job was resumed", {})


def test_the_end_says_the_state_and_the_reason() -> None:
    told = only(submitted(), finished())
    assert told == ("a job has ended", {"state": "Succeeded", "reason": "Succeeded"})
    cancelled = cancelling(CANCELLED, completionTime=ago(0)) | {"state": "Cancelled"}
    told = only(cancelling(), cancelled)
    assert told == ("a job has ended", {"state": "Cancelled", "reason": "Cancelled"})


def test_a_retry_names_the_batch_that_failed() -> None:
    event, fields = only(submitted(), QUEUED | {"failures": 1})
    assert event == "a batch has failed and the job is retried"
    assert fields == {"batch": BATCH, "failures": 1}


def test_any_other_change_of_the_state_is_told_too() -> None:
    told = only(submitted(state="Pending"), submitted())
    assert told == ("a job has a new state", {"state": "Running", "reason": "Submitted"})
    assert only({}, QUEUED) == ("a job has a new state", {"state": "Queued"})


def test_what_changes_no_state_is_not_told() -> None:
    assert news(submitted(), submitted(geminiState="BATCH_STATE_PENDING")) == []


@pytest.mark.parametrize(
    ("spec", "by"),
    [
        ({"ttlSecondsAfterFinished": 0}, "ttlSecondsAfterFinished"),
        ({"ttlSecondsAfterFinished": 60}, "a user or the namespace"),
        ({}, "a user or the namespace"),
    ],
)
def test_a_deletion_says_by_whom(spec: JSON, by: str) -> None:
    before = a_job(spec=spec, status=finished())
    after = a_job(spec=spec, status=finished(), deleting=True)
    (line,) = lines(before, after)
    assert (line.event, line.fields) == ("a job is being deleted", {"by": by})
    assert [line.event for line in lines(after, None)] == ["a job is gone"]


def told_by(acting: bool, *changes: tuple[Job | None, Job | None]) -> list[Any]:
    with capture_logs() as captured:
        for before, after in changes:
            Transitions(lambda: acting).changed(before, after)
    return captured


def test_a_line_names_the_job_and_only_a_process_that_acts_writes_it() -> None:
    change = a_job(status=submitted()), a_job(status=finished())
    (line,) = told_by(True, change)
    assert line == {
        "event": "a job has ended",
        "log_level": "info",
        "namespace": "team-a",
        "name": "job",
        "state": "Succeeded",
        "reason": "Succeeded",
    }
    assert told_by(False, change) == []


def test_a_job_that_is_seen_for_the_first_time_has_no_news() -> None:
    job = a_job(status=finished())
    other = a_job(status=finished(), uid=OTHER_UID)
    assert told_by(True, (None, job), (a_job(status={}), other), (None, None)) == []
