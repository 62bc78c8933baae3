from dataclasses import replace
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.lifecycle import credentials, submission
from gemini_operator.controller.lifecycle.decisions import PatchStatus, Submit
from gemini_operator.controller.lifecycle.snapshot import MAX_PRIORITY, Snapshot
from gemini_operator.controller.lifecycle.status import failed, named, named_fields
from gemini_operator.controller.memory import Facts, Refusal
from gemini_operator.gemini import errors
from gemini_operator.kube import patches
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    NOW,
    RULES,
    UID,
    a_batch,
    a_condition,
    a_job,
    a_snapshot,
    an_attempt,
    an_event,
    finished,
    reason_of,
    submitted,
    time,
    unnamed,
    written,
)

NEW = "00000000000000a2"


def an_attempt_now(an_id: str = NEW, number: int = 1) -> Attempt:
    return Attempt.model_validate(an_attempt(an_id, number))


def refused(error: errors.GeminiError, attempt: str = ATTEMPT, **status: Any) -> Snapshot:
    """A job whose create was definitely refused."""
    facts = Facts(UID, refusal=Refusal(attempt, error, 7.0))
    return a_snapshot(status=unnamed(**status), facts=facts)


# Who is submitted


@pytest.mark.parametrize(
    ("status", "number"),
    [
        pytest.param({}, 1, id="a new job"),
        pytest.param({"state": "Queued", "startTime": time()}, 1, id="refused for now before"),
        pytest.param({"supersededAttempts": [an_attempt(EARLIER, 1)]}, 2, id="one given up"),
        pytest.param(
            {"supersededAttempts": [an_attempt(EARLIER, 2), an_attempt("b" * 16, 1)]},
            3,
            id="in any order",
        ),
        pytest.param({"failures": 2}, 3, id="two ended badly"),
        pytest.param({"failures": 2, "supersededAttempts": [an_attempt(EARLIER, 1)]}, 3, id="both"),
    ],
)
def test_a_job_without_an_attempt_is_submitted_with_the_next_number(
    status: dict[str, Any], number: int
) -> None:
    assert submission.decide(a_snapshot(status=status)) == Submit(number)


@pytest.mark.parametrize("status", [unnamed(), submitted(), finished()])
def test_p16_a_job_with_an_attempt_is_not_submitted(status: dict[str, Any]) -> None:
    assert submission.decide(a_snapshot(status=status)) is None


# The write-ahead


def test_p07_the_write_ahead_carries_the_attempt_and_clears_what_the_last_one_left() -> None:
    left = submitted(requests={"total": 1, "succeeded": 0, "failed": 0, "pending": 1})
    snapshot = a_snapshot(status=left, generation=4)
    status = submission.written_ahead(snapshot, an_attempt_now())
    assert status.attempt == an_attempt_now()
    assert (status.batch_name, status.gemini_state, status.requests) == (None, None, None)
    assert status.state == "Submitting"
    assert status.observed_generation == 4
    assert reason_of(status, "Submitted") == ("False", Reason.SUBMITTING)
    patch = patches.status_patch(snapshot.job.stored_status, status.dump(), "100")
    assert patch is not None
    assert {name for name, value in patch["status"].items() if value is None} == {
        "batchName",
        "geminiState",
        "requests",
    }
    assert patch["status"]["attempt"]["batchName"] is None


def test_p02_the_write_ahead_leaves_the_receivers_field_alone() -> None:
    snapshot = a_snapshot(status={"lastEvent": an_event()})
    status = submission.written_ahead(snapshot, an_attempt_now())
    patch = patches.status_patch(snapshot.job.stored_status, status.dump(), "100")
    assert patch is not None
    assert "lastEvent" not in patch["status"]


@pytest.mark.parametrize(
    ("known", "start"),
    [({}, time()), ({"startTime": "2025-12-31T00:00:00Z"}, "2025-12-31T00:00:00Z")],
    ids=["the first", "a later one"],
)
def test_p16_start_time_is_the_first_write_ahead(known: dict[str, str], start: str) -> None:
    status = submission.written_ahead(a_snapshot(status=known), an_attempt_now())
    assert status.dump()["startTime"] == start


# The name


@pytest.mark.parametrize(
    ("google", "state"),
    [
        ("BATCH_STATE_PENDING", "Pending"),
        ("BATCH_STATE_RUNNING", "Running"),
        ("BATCH_STATE_SUCCEEDED", "Running"),
        ("BATCH_STATE_NEW", "Running"),
    ],
)
def test_p15_the_name_belongs_to_the_attempt_and_is_mirrored(google: str, state: str) -> None:
    """A batch that has ended already is followed to its end by a read."""
    status = named(a_snapshot(status=unnamed()), a_batch(state=google))
    assert status.attempt is not None
    assert (status.attempt.id, status.attempt.batch_name) == (ATTEMPT, BATCH)
    assert (status.batch_name, status.gemini_state, status.state) == (BATCH, google, state)
    assert reason_of(status, "Submitted") == ("True", Reason.SUBMITTED)


def test_the_name_heals_what_kept_the_job_from_getting_one() -> None:
    stalled = a_condition("Stalled", "True", "AmbiguousSubmission")
    snapshot = a_snapshot(status=unnamed(conditions=[stalled]))
    assert reason_of(named(snapshot, a_batch()), "Stalled") is None


def test_a_batch_without_an_attempt_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="without an attempt"):
        named(a_snapshot(status={}), a_batch())


def test_the_naming_patch_has_the_name_first_and_nothing_that_is_not_the_controllers() -> None:
    snapshot = a_snapshot(status=unnamed(lastEvent=an_event()))
    fields = named_fields(named(snapshot, a_batch(stats=(2, 0, 0, 2))))
    assert next(iter(fields)) == "attempt/batchName"
    assert set(fields) == {
        "attempt/batchName",
        "batchName",
        "geminiState",
        "requests",
        "state",
        "conditions",
        "observedGeneration",
        "reason",
    }
    assert fields["reason"] is None, "it is removed"
    assert fields["requests"] == {"total": 2, "succeeded": 0, "failed": 0, "pending": 2}
    assert patches.name_batch(UID, ATTEMPT, fields)


def test_counts_that_google_does_not_give_are_not_written() -> None:
    fields = named_fields(named(a_snapshot(status=unnamed()), a_batch()))
    assert "requests" not in fields


def test_what_a_person_reads_when_the_batch_has_its_name() -> None:
    event = submission.submitted(a_snapshot(), a_batch())
    assert (event.reason, event.warning) == (Reason.SUBMITTED, False)
    assert BATCH in event.note


# Waiting


def test_p23_queued_is_written_once() -> None:
    snapshot = a_snapshot(status={})
    first = submission.queued(snapshot, Reason.QUOTA_EXCEEDED, "Wait.", 5.0)
    assert first.seconds == 5.0
    assert first.status.state == "Queued"
    assert reason_of(first.status, "Submitted") == ("False", Reason.QUOTA_EXCEEDED)
    again = submission.queued(
        a_snapshot(status=first.status.dump()), Reason.QUOTA_EXCEEDED, "Other words.", 9.0
    )
    assert again.status == first.status
    assert again.seconds == 9.0


def test_p23_another_reason_to_wait_is_said() -> None:
    first = submission.queued(a_snapshot(status={}), Reason.QUOTA_EXCEEDED, "", 5.0)
    snapshot = a_snapshot(status=first.status.dump())
    status = submission.queued(snapshot, Reason.QUEUED, "", 5.0).status
    assert reason_of(status, "Submitted") == ("False", Reason.QUEUED)


@pytest.mark.parametrize("state", [None, "Queued"])
@pytest.mark.parametrize(
    ("stalled", "stays"),
    [("CredentialsMissing", False), ("CredentialsRejected", True), ("InputMissing", True)],
)
def test_p23_who_waits_for_its_turn_has_a_key(state: str | None, stalled: str, stays: bool) -> None:
    """It may wait for hours, and nobody is needed meanwhile; of the rest nothing is known yet."""
    conditions = [a_condition("Stalled", "True", stalled)]
    if state is not None:
        conditions.append(a_condition("Submitted", "False", "Queued"))
    snapshot = a_snapshot(status={"state": state, "conditions": conditions})
    status = submission.queued(snapshot, Reason.QUEUED, "", 5.0).status
    assert reason_of(status, "Submitted") == ("False", "Queued")
    assert (reason_of(status, "Stalled") is not None) == stays


def test_p10_a_job_that_waits_for_a_slot_drops_an_inherited_refusal() -> None:
    snapshot = a_snapshot(status={})
    told = credentials.inherited(snapshot, 60.0).status
    status = submission.queued(a_snapshot(status=told.dump()), Reason.QUEUED, "", 5.0).status
    assert reason_of(status, "Stalled") is None


# The answers to create


def test_p10_a_429_clears_the_attempt_and_queues_the_job() -> None:
    decision = submission.decide_refused(refused(errors.Throttled("Quota exceeded.")))
    status = written(decision)
    assert status.attempt is None
    assert status.state == "Queued"
    assert reason_of(status, "Submitted") == ("False", Reason.QUOTA_EXCEEDED)
    assert isinstance(decision, PatchStatus)
    assert (decision.seconds, decision.retry) == (7.0, False)
    assert "Quota exceeded." in status.conditions[0].message


def test_p10_a_429_proves_that_the_key_is_good() -> None:
    stalled = a_condition("Stalled", "True", "CredentialsRejected")
    snapshot = refused(errors.Throttled("Quota exceeded."), conditions=[stalled])
    assert reason_of(written(submission.decide_refused(snapshot)), "Stalled") is None


def test_p10_a_refused_key_clears_the_attempt_and_stalls_the_job() -> None:
    decision = submission.decide_refused(refused(errors.CredentialsRejected("Not valid.")))
    status = written(decision)
    assert status.attempt is None
    assert status.state == "Queued"
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert reason_of(status, "Submitted") == ("False", Reason.CREDENTIALS_REJECTED)
    assert status.completion_time is None
    assert isinstance(decision, PatchStatus)
    assert decision.seconds == 7.0
    assert "Not valid." in decision.events[0].note


@pytest.mark.parametrize("file_name", ["files/abc-123", None])
def test_p10_a_missing_file_is_missing_input(file_name: str | None) -> None:
    spec = {"input": {"fileName": file_name}} if file_name else {}
    snapshot = refused(errors.FileMissing("Google answered 403: no File abc-123."))
    snapshot = replace(snapshot, job=replace(snapshot.job, spec=a_job(spec=spec).spec))
    decision = submission.decide_refused(snapshot)
    status = written(decision)
    assert status.attempt is None
    assert reason_of(status, "Stalled") == ("False", Reason.INPUT_MISSING)
    assert reason_of(status, "Submitted") == ("False", Reason.INPUT_MISSING)
    assert isinstance(decision, PatchStatus)
    assert (decision.seconds, decision.retry) == (7.0, False)
    assert "no File abc-123" in decision.events[0].note
    assert ("Input: files/abc-123." in decision.events[0].note) is (file_name is not None)


def test_p10_a_job_without_input_may_be_told_of_a_missing_file() -> None:
    snapshot = refused(errors.FileMissing("no File abc-123."))
    spec = snapshot.job.spec.model_copy(update={"input": None})
    snapshot = replace(snapshot, job=replace(snapshot.job, spec=spec))
    note = written_note(submission.decide_refused(snapshot))
    assert "The input is" not in note


def test_p10_what_the_key_may_not_do_is_no_trouble_of_the_key() -> None:
    decision = submission.decide_refused(refused(errors.PermissionDenied("No tunedModels/x.")))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    note = written_note(decision)
    assert "No tunedModels/x." in note
    assert "Put a valid key" not in note
    assert "other jobs with the key are not affected" in note


def written_note(decision: object) -> str:
    assert isinstance(decision, PatchStatus)
    return decision.events[0].note


def test_p08_a_create_that_was_not_sent_clears_the_attempt_and_is_tried_again() -> None:
    decision = submission.decide_refused(refused(errors.NotSent("too late")))
    assert written(decision).attempt is None
    assert isinstance(decision, PatchStatus)
    assert decision.retry
    assert decision.events == ()


@pytest.mark.parametrize("error", [errors.Rejected("No such model."), errors.NotFound("None.")])
def test_p10_any_other_refusal_fails_the_job_for_good(error: errors.GeminiError) -> None:
    decision = submission.decide_refused(refused(error))
    status = written(decision)
    assert status.attempt is None
    assert (status.state, status.completion_time) == ("Failed", NOW)
    assert reason_of(status, "Failed") == ("True", Reason.INVALID_REQUEST)
    assert reason_of(status, "Submitted") == ("False", Reason.INVALID_REQUEST)
    assert status.failures == 0, "only FAILED and EXPIRED count (P15)"
    assert isinstance(decision, PatchStatus)
    assert str(error) in decision.events[0].note


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(a_snapshot(status=unnamed()), id="nothing was refused"),
        pytest.param(refused(errors.Rejected("no"), attempt=EARLIER), id="an earlier attempt was"),
        pytest.param(
            a_snapshot(
                status={}, facts=Facts(UID, refusal=Refusal(ATTEMPT, errors.Rejected("no"), 1))
            ),
            id="it is cleared already",
        ),
    ],
)
def test_p10_a_refusal_speaks_of_its_own_attempt_only(snapshot: Snapshot) -> None:
    assert submission.decide_refused(snapshot) is None


def test_a_job_that_ends_before_it_has_a_batch_is_not_stalled_any_more() -> None:
    stalled = a_condition("Stalled", "True", "InputMissing")
    snapshot = a_snapshot(status={"conditions": [stalled]})
    status = failed(snapshot, Reason.INVALID_INPUT, "Line 3 is not JSON.").status
    assert reason_of(status, "Stalled") is None
    assert reason_of(status, "Failed") == ("True", Reason.INVALID_INPUT)
    assert "Line 3 is not JSON." in status.conditions[-1].message


def test_words_of_the_caller_may_replace_those_of_the_reason() -> None:
    write = failed(a_snapshot(), Reason.DELIVERY_FAILED, "", "Nothing was submitted.")
    assert write.status.conditions[-1].message == "Nothing was submitted."
    assert write.events[0].note == "Nothing was submitted."


@pytest.mark.parametrize(
    ("asked", "limit", "sent"),
    [(5, MAX_PRIORITY, 5), (MAX_PRIORITY, 10, 10), (10, 10, 10), (-7, 10, -7), (3, -1, -1)],
)
def test_a_priority_is_lowered_to_the_administrators_limit_and_that_is_said(
    asked: int, limit: int, sent: int
) -> None:
    rules = replace(RULES, max_priority=limit)
    snapshot = replace(a_snapshot(spec={"priority": asked}), rules=rules)
    assert submission.priority(snapshot) == sent
    note = submission.submitted(snapshot, a_batch()).note
    assert (f"Its priority is {sent}" in note) is (sent < asked)


@pytest.mark.parametrize(
    ("reason", "spec", "stays"),
    [
        ("CredentialsMissing", {}, False),
        ("InputMissing", {}, False),
        ("InputMissing", {"input": {"fileName": "files/abc-123"}}, True),
        ("InputRefused", {}, False),
        ("OutputRefused", {}, False),
        ("WriteRefused", {}, False),
        ("RemoteUnavailable", {}, True),
        ("CredentialsRejected", {}, True),
    ],
)
def test_what_is_over_at_the_create_is_not_said_any_more(
    reason: str, spec: dict[str, Any], stays: bool
) -> None:
    known = {"conditions": [a_condition("Stalled", "True", reason)]}
    attempt = Attempt.model_validate(an_attempt())
    status = submission.written_ahead(a_snapshot(spec=spec, status=known), attempt)
    assert (reason_of(status, "Stalled") is not None) is stays


def test_a_create_without_a_connection_is_not_said_to_be_under_way() -> None:
    status = written(submission.decide_refused(refused(errors.NotSent("no route to host"))))
    assert reason_of(status, "Submitted") == ("False", Reason.REMOTE_UNAVAILABLE)
