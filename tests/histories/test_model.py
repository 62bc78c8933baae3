"""The model detects each violation: of the invariants, the ledger and the outcomes."""

from collections.abc import Sequence
from typing import Any

import pytest

from gemini_operator.api.group import FINALIZER
from tests.histories import invariants, ledger, outcomes
from tests.histories.expected import ExpectedJob, OutsideActions
from tests.histories.google import Batch
from tests.histories.versions import Versions

UID = "01234567-89ab-cdef-0123-456789abcdef"
FIRST, SECOND = "00112233445566aa", "00112233445566bb"
START, END = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def condition(kind: str, value: str, reason: str, time: str = START) -> dict[str, Any]:
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": "What is the case.",
        "observedGeneration": 1,
        "lastTransitionTime": time,
    }


def body(*, status: Any = None, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": UID, "generation": 2, "finalizers": [FINALIZER], **metadata},
        "spec": {} if spec is None else spec,
        "status": {} if status is None else status,
    }


def attempt(an_id: str = FIRST, **more: Any) -> dict[str, Any]:
    return {"id": an_id, "number": 1, "startTime": START, **more}


def status_with(state: str, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A status with this state and these conditions."""
    return {"state": state, "observedGeneration": 1, "conditions": [*conditions], **more}


WAITS = condition("Submitted", "False", "Queued")
HAS_A_BATCH = condition("Submitted", "True", "Submitted")
COMPLETE = condition("Complete", "True", "Succeeded", END)
FAILED = condition("Failed", "True", "Cancelled", END)
ITS_BATCH = {"attempt": attempt(batchName="batches/1"), "batchName": "batches/1"}

QUEUED = status_with("Queued", WAITS)
SENT = status_with("Submitting", WAITS, attempt=attempt(), startTime=START)
OPEN = status_with("Running", HAS_A_BATCH, **ITS_BATCH, failures=1, startTime=START)
ENDED = OPEN | status_with(
    "Succeeded", HAS_A_BATCH, COMPLETE, completionTime=END, output={"bytes": 1}
)
PAST = QUEUED | {"supersededAttempts": [attempt(SECOND, reason="Suspended")]}
MOVED = condition("Submitted", "False", "Queued", "2026-01-01T00:00:09Z")

UNTRUE = {
    "both ends": ENDED | {"conditions": [HAS_A_BATCH, COMPLETE, FAILED]},
    "an end without a time": OPEN | status_with("Cancelled", HAS_A_BATCH, FAILED),
    "a time without an end": OPEN | {"completionTime": END},
    "an end that the state hides": ENDED | {"state": "Running"},
    "a state without its condition": OPEN | {"state": "Suspended"},
    "a generation to come": OPEN | {"observedGeneration": 3},
    "no generation": {k: v for k, v in OPEN.items() if k != "observedGeneration"},
    "a condition without one": OPEN
    | {"conditions": [{k: v for k, v in HAS_A_BATCH.items() if k != "observedGeneration"}]},
    "a reason of nobody's": QUEUED | {"conditions": [WAITS | {"reason": "Whatever"}]},
    "a name of nobody": OPEN | {"attempt": attempt()},
    "Submitted without a batch": SENT | {"conditions": [HAS_A_BATCH]},
    "a batch that is not Submitted": OPEN | {"conditions": [WAITS]},
    "a create that is not said": SENT | {"state": "Queued"},
    "a batch that is not said": OPEN | {"state": "Queued"},
    "words about no batch": QUEUED | {"geminiState": "BATCH_STATE_RUNNING"},
    "Suspended with an attempt": SENT
    | status_with("Suspended", WAITS, condition("Suspended", "True", "Suspended")),
    "an end before the start": ENDED | {"completionTime": "2025-01-01T00:00:00Z"},
    "requests that are not there": OPEN | {"requests": {"total": 2, "succeeded": 2}},
}


@pytest.mark.parametrize("what", UNTRUE)
def test_a_status_that_cannot_be_true_is_seen(what: str) -> None:
    one_request: dict[str, Any] = {"input": {"inline": [{}]}}
    assert invariants.violations({}, body(status=UNTRUE[what], spec=one_request))


@pytest.mark.parametrize("status", [{}, QUEUED, SENT, OPEN, ENDED, PAST])
def test_a_status_that_may_be_true_is_right(status: Any) -> None:
    assert invariants.violations({}, body(status=status)) == []


BROKEN = {
    "another end": (ENDED, OPEN | status_with("Failed", HAS_A_BATCH, FAILED, completionTime=END)),
    "an end taken back": (ENDED, OPEN),
    "a later end": (ENDED, ENDED | {"completionTime": "2026-01-03T00:00:00Z"}),
    "another output": (ENDED, ENDED | {"output": {"bytes": 2}}),
    "a time that moves alone": (QUEUED, QUEUED | {"conditions": [MOVED]}),
    "a condition that disappears": (QUEUED, QUEUED | {"conditions": []}),
    "an older generation": (OPEN | {"observedGeneration": 2}, OPEN | {"observedGeneration": 1}),
    "two failures at once": (OPEN, OPEN | {"failures": 3}),
    "another batch": (
        OPEN,
        OPEN | {"attempt": attempt(batchName="batches/2"), "batchName": "batches/2"},
    ),
    "a batch forgotten": (OPEN, QUEUED | {"failures": 1}),
    "an attempt replaced": (SENT, SENT | {"attempt": attempt(SECOND)}),
    "a past forgotten": (PAST, QUEUED),
    "a past rewritten": (
        PAST,
        QUEUED | {"supersededAttempts": [attempt(SECOND, reason="RemoteFailed")]},
    ),
    "another start": (
        QUEUED | {"startTime": START},
        QUEUED | {"startTime": "2026-01-01T00:00:01Z"},
    ),
    "a start cleared": (QUEUED | {"startTime": START}, QUEUED),
    "an event of another attempt": (OPEN, OPEN | {"lastEvent": {"id": "1", "attempt": SECOND}}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_change_that_may_not_be_is_seen(what: str) -> None:
    before, after = BROKEN[what]
    assert not invariants.violations({}, body(status=before))
    assert not invariants.violations({}, body(status=after))
    assert invariants.violations(body(status=before), body(status=after))


def test_a_value_that_changes_without_its_time_is_seen() -> None:
    late = body(status=OPEN, managedFields=[{"time": END}])
    assert invariants.violations(body(status=SENT), late)
    soon = body(status=OPEN, managedFields=[{"time": "2026-01-01T00:00:03Z"}])
    assert not invariants.violations(body(status=SENT), soon)


@pytest.mark.parametrize(
    ("spec", "metadata"),
    [
        ({"suspend": True}, {}),
        ({"shutdown": "Cancel"}, {}),
        ({}, {"deletionTimestamp": "2026-01-01T00:00:00Z"}),
        ({}, {"finalizers": []}),
    ],
)
def test_an_attempt_that_may_not_begin_is_seen(spec: Any, metadata: Any) -> None:
    before, after = QUEUED, SENT
    assert not invariants.violations(body(status=before), body(status=after))
    assert invariants.violations(
        body(status=before, spec=spec, **metadata), body(status=after, spec=spec, **metadata)
    )


@pytest.mark.parametrize("same_key", [True, False])
def test_a_batch_beyond_the_quota_of_its_key_is_seen(same_key: bool) -> None:
    nobody: Any = None
    versions = Versions(nobody, 1, lambda uid, _recorded: "key" if same_key else uid)
    for uid in ("one", "two"):
        for number, status in enumerate((QUEUED, SENT)):
            version = body(status=status, uid=uid, name=uid, resourceVersion=str(number))
            assert not versions.violations
            versions._handle({"type": "MODIFIED", "object": version})
    seen = ["two was submitted beyond the quota: ['one', 'two']"]
    assert versions.violations == (seen if same_key else [])


def test_a_finalizer_that_goes_before_its_job_is_seen() -> None:
    assert invariants.violations(body(), body(finalizers=[]))


def batch(an_id: str = FIRST, state: str = "SUCCEEDED", **more: Any) -> Batch:
    details: dict[str, Any] = {
        "name": "batches/1",
        "display_name": f"job [{UID[:8]}-{an_id}]",
        "state": state,
        "created": "2026-01-01T00:00:00Z",
        "ended": None,
        "uris": (),
        "exists": True,
    }
    return Batch(**details | more)


def expected_job(**more: Any) -> ExpectedJob:
    return ExpectedJob("job", uid=UID, **more)


def problems(status: Any, *batches: Batch, **more: Any) -> Sequence[str]:
    written = [body(status={"attempt": attempt(b.attempt)}) for b in batches]
    return ledger.batch_problems(
        expected_job(**more), [*written, body(status=status)], batches, OutsideActions()
    )


KEPT = {"attempt": attempt(batchName="batches/1")}
OTHER = batch(SECOND, name="batches/2")


def past(reason: str | None, an_id: str = SECOND) -> dict[str, Any]:
    entry = attempt(an_id, batchName="batches/2")
    return KEPT | {"supersededAttempts": [entry | ({"reason": reason} if reason else {})]}


def test_one_kept_batch_is_right() -> None:
    assert problems(KEPT, batch()) == []


@pytest.mark.parametrize(
    ("status", "batches"),
    [
        (KEPT, (batch(), OTHER)),
        (past(None), (batch(), OTHER)),
        (past("DuplicateCancelled"), (batch(), OTHER)),
        (past("RemoteFailed"), (batch(), OTHER)),
        (past("Suspended"), (batch(), OTHER)),
        (KEPT, (batch(), batch(name="batches/2"))),
        (KEPT, (batch(state="CANCELLED"),)),
        (KEPT | {"failures": 1}, (batch(),)),
    ],
)
def test_what_is_paid_without_being_asked_for_is_seen(status: Any, batches: Any) -> None:
    assert problems(status, *batches)


def test_a_reported_duplicate_that_is_gone_is_right() -> None:
    gone = batch(SECOND, name="batches/2", exists=False, created="2026-01-01T00:00:09Z")
    assert problems(past("DuplicateCancelled"), batch(), gone) == []


def test_a_duplicate_that_was_not_needed_is_seen() -> None:
    """Google showed the first batch in time, or hid it for too long."""
    status = past("DuplicateCancelled")
    soon = batch(SECOND, name="batches/2", exists=False, created="2026-01-01T00:00:02Z")
    late = batch(SECOND, name="batches/2", exists=False, created="2026-01-01T00:00:09Z")
    assert problems(status, batch(), soon)
    assert problems(status, batch(), late) == []
    assert problems(status, batch(), soon, resubmitted={SECOND}) == []


def test_an_open_batch_that_is_deleted_is_seen() -> None:
    assert problems(KEPT, batch(state="RUNNING", exists=False))


def test_a_batch_without_a_write_ahead_is_seen() -> None:
    assert ledger.batch_problems(expected_job(), [body(status={})], [batch()], OutsideActions())


def test_what_a_deleted_job_leaves_is_seen() -> None:
    there, gone = batch(), batch(exists=False)
    last = body(status=KEPT)
    orphan = {"deletionPolicy": "Orphan"}
    assert ledger.leftover_problems(expected_job(), last, [there], OutsideActions())
    assert not ledger.leftover_problems(expected_job(), last, [gone], OutsideActions())
    assert not ledger.leftover_problems(expected_job(spec=orphan), last, [there], OutsideActions())
    assert ledger.leftover_problems(expected_job(spec=orphan), last, [gone], OutsideActions())
    assert not ledger.leftover_problems(
        expected_job(), last, [there], OutsideActions(taken_over={"batches/1"})
    )


def ended(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    return body(status=ENDED | {"conditions": [condition(kind, "True", reason)]} | more)


def gemini_state(state: str) -> dict[str, Any]:
    """The state of the batch at Google, as the status shows it."""
    return {"geminiState": f"BATCH_STATE_{state}"}


@pytest.mark.parametrize(
    ("kind", "reason", "state"),
    [
        ("Complete", "Succeeded", "FAILED"),
        ("Complete", "CompletedWithFailures", "SUCCEEDED"),
        ("Failed", "Cancelled", "SUCCEEDED"),
        ("Failed", "Cancelled", "CANCELLED"),
        ("Failed", "DeadlineExceeded", "CANCELLED"),
        ("Failed", "RemoteFailed", "EXPIRED"),
        ("Failed", "RemoteExpired", "SUCCEEDED"),
        ("Failed", "BackoffLimitExceeded", "FAILED"),
        ("Failed", "RemoteNotFound", "SUCCEEDED"),
        ("Failed", "InvalidRequest", "SUCCEEDED"),
        ("Failed", "AlreadyAdopted", "SUCCEEDED"),
        ("Failed", "AdoptionRefused", "SUCCEEDED"),
        ("Failed", "Internal", "SUCCEEDED"),
    ],
)
def test_an_end_that_does_not_fit_is_seen(kind: str, reason: str, state: str) -> None:
    batches = [batch(state=state)]
    assert outcomes.outcome_problems(
        expected_job(), ended(kind, reason, **gemini_state(state)), batches, OutsideActions()
    )


COUNTED = {"requests": {"total": 1, "succeeded": 1, "failed": 0, "pending": 0}}
CANCELLED = gemini_state("CANCELLED")


def test_ends_that_fit_are_right() -> None:
    cancelled = [batch(state="CANCELLED")]
    succeeded = ended("Complete", "Succeeded", **COUNTED)
    assert not outcomes.outcome_problems(expected_job(), succeeded, [batch()], OutsideActions())
    shut_down, end = (
        expected_job(spec={"shutdown": "Cancel"}),
        ended("Failed", "Cancelled", **CANCELLED),
    )
    assert not outcomes.outcome_problems(shut_down, end, cancelled, OutsideActions())
    by_hand = OutsideActions(cancelled={"batches/1"})
    assert not outcomes.outcome_problems(expected_job(), end, cancelled, by_hand)
    too_late = ended("Failed", "DeadlineExceeded", **CANCELLED)
    assert not outcomes.outcome_problems(
        expected_job(deadlines={60}), too_late, cancelled, OutsideActions()
    )


def test_an_end_with_wrong_words_is_seen() -> None:
    uncounted, deadline = ended("Complete", "Succeeded"), expected_job(deadlines={10**6})
    assert outcomes.outcome_problems(expected_job(), uncounted, [batch()], OutsideActions())
    cancelled = [batch(state="CANCELLED")]
    too_soon = ended("Failed", "DeadlineExceeded", **CANCELLED)
    assert outcomes.outcome_problems(deadline, too_soon, cancelled, OutsideActions())
    misquoted = ended("Failed", "Cancelled", **gemini_state("SUCCEEDED"))
    shut_down = expected_job(spec={"shutdown": "Cancel"})
    assert outcomes.outcome_problems(shut_down, misquoted, cancelled, OutsideActions())


def test_a_retry_that_was_owed_is_seen() -> None:
    failed, end = [batch(state="FAILED")], ended("Failed", "RemoteFailed", **gemini_state("FAILED"))
    assert outcomes.outcome_problems(expected_job(retries={1}), end, failed, OutsideActions())
    assert not outcomes.outcome_problems(
        expected_job(retries={0, 1}), end, failed, OutsideActions()
    )


def test_a_job_that_vanishes_is_seen() -> None:
    gone = body(status=ENDED, deletionTimestamp="2026-01-02T00:00:05Z")
    assert outcomes.disappearance_problems(expected_job(), gone)
    assert outcomes.disappearance_problems(expected_job(spec={"ttlSecondsAfterFinished": 9}), gone)
    assert outcomes.disappearance_problems(
        expected_job(spec={"ttlSecondsAfterFinished": 5}), body(status=OPEN)
    )
    assert not outcomes.disappearance_problems(
        expected_job(spec={"ttlSecondsAfterFinished": 5}), gone
    )


def test_results_of_a_job_that_failed_are_seen() -> None:
    delivers = expected_job(spec={"output": {"configMap": {"name": "results"}}})
    assert outcomes.output_problems(delivers, ended("Failed", "Cancelled"), {"data": {}})
    assert not outcomes.output_problems(delivers, ended("Failed", "Cancelled"), None)
    assert outcomes.output_problems(delivers, ended("Complete", "Succeeded"), None)
