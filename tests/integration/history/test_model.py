"""The model can say no: each law, each entry in the books, each end, broken once."""

from collections.abc import Sequence
from typing import Any

import pytest

from gemini_operator.api.group import FINALIZER
from tests.integration.history import books, ends, laws
from tests.integration.history.google import Batch
from tests.integration.history.versions import Versions
from tests.integration.history.wish import Deeds, Wish

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


def word(state: str, *conditions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A status that says so."""
    return {"state": state, "observedGeneration": 1, "conditions": [*conditions], **more}


WAITS = condition("Submitted", "False", "Queued")
HAS_A_BATCH = condition("Submitted", "True", "Submitted")
COMPLETE = condition("Complete", "True", "Succeeded", END)
FAILED = condition("Failed", "True", "Cancelled", END)
ITS_BATCH = {"attempt": attempt(batchName="batches/1"), "batchName": "batches/1"}

QUEUED = word("Queued", WAITS)
SENT = word("Submitting", WAITS, attempt=attempt(), startTime=START)
OPEN = word("Running", HAS_A_BATCH, **ITS_BATCH, failures=1, startTime=START)
ENDED = OPEN | word("Succeeded", HAS_A_BATCH, COMPLETE, completionTime=END, output={"bytes": 1})
PAST = QUEUED | {"supersededAttempts": [attempt(SECOND, reason="Suspended")]}
MOVED = condition("Submitted", "False", "Queued", "2026-01-01T00:00:09Z")

UNTRUE = {
    "both ends": ENDED | {"conditions": [HAS_A_BATCH, COMPLETE, FAILED]},
    "an end without a time": OPEN | word("Cancelled", HAS_A_BATCH, FAILED),
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
    | word("Suspended", WAITS, condition("Suspended", "True", "Suspended")),
    "an end before the start": ENDED | {"completionTime": "2025-01-01T00:00:00Z"},
    "requests that are not there": OPEN | {"requests": {"total": 2, "succeeded": 2}},
}


@pytest.mark.parametrize("what", UNTRUE)
def test_a_status_that_cannot_be_true_is_seen(what: str) -> None:
    one_request: dict[str, Any] = {"input": {"inline": [{}]}}
    assert laws.broken({}, body(status=UNTRUE[what], spec=one_request))


@pytest.mark.parametrize("status", [{}, QUEUED, SENT, OPEN, ENDED, PAST])
def test_a_status_that_may_be_true_is_right(status: Any) -> None:
    assert laws.broken({}, body(status=status)) == []


BROKEN = {
    "another end": (ENDED, OPEN | word("Failed", HAS_A_BATCH, FAILED, completionTime=END)),
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
    assert not laws.broken({}, body(status=before))
    assert not laws.broken({}, body(status=after))
    assert laws.broken(body(status=before), body(status=after))


def test_a_value_that_changes_without_its_time_is_seen() -> None:
    late = body(status=OPEN, managedFields=[{"time": END}])
    assert laws.broken(body(status=SENT), late)
    soon = body(status=OPEN, managedFields=[{"time": "2026-01-01T00:00:03Z"}])
    assert not laws.broken(body(status=SENT), soon)


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
    assert not laws.broken(body(status=before), body(status=after))
    assert laws.broken(
        body(status=before, spec=spec, **metadata), body(status=after, spec=spec, **metadata)
    )


def test_a_batch_without_a_place_is_seen() -> None:
    nobody: Any = None
    versions = Versions(nobody, places=1)
    for uid in ("one", "two"):
        for number, status in enumerate((QUEUED, SENT)):
            version = body(status=status, uid=uid, name=uid, resourceVersion=str(number))
            assert not versions.broken
            versions._take({"type": "MODIFIED", "object": version})
    assert versions.broken == ["two was submitted though there is no place: ['one', 'two']"]


def test_a_finalizer_that_goes_before_its_job_is_seen() -> None:
    assert laws.broken(body(), body(finalizers=[]))


def batch(an_id: str = FIRST, state: str = "SUCCEEDED", **more: Any) -> Batch:
    details: dict[str, Any] = {
        "name": "batches/1",
        "display_name": f"job [{UID[:8]}-{an_id}]",
        "state": state,
        "created": "2026-01-01T00:00:00Z",
        "ended": None,
        "uris": (),
        "there": True,
    }
    return Batch(**details | more)


def wish(**more: Any) -> Wish:
    return Wish("job", uid=UID, **more)


def unpaid(status: Any, *batches: Batch, **more: Any) -> Sequence[str]:
    written = [body(status={"attempt": attempt(b.attempt)}) for b in batches]
    return books.unpaid_for(wish(**more), [*written, body(status=status)], batches, Deeds())


KEPT = {"attempt": attempt(batchName="batches/1")}
OTHER = batch(SECOND, name="batches/2")


def past(reason: str | None, an_id: str = SECOND) -> dict[str, Any]:
    entry = attempt(an_id, batchName="batches/2")
    return KEPT | {"supersededAttempts": [entry | ({"reason": reason} if reason else {})]}


def test_one_kept_batch_is_right() -> None:
    assert unpaid(KEPT, batch()) == []


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
    assert unpaid(status, *batches)


def test_a_reported_duplicate_that_is_gone_is_right() -> None:
    gone = batch(SECOND, name="batches/2", there=False, created="2026-01-01T00:00:09Z")
    assert unpaid(past("DuplicateCancelled"), batch(), gone) == []


def test_a_duplicate_that_was_not_needed_is_seen() -> None:
    """Google showed the first batch in time, or hid it for too long."""
    status = past("DuplicateCancelled")
    soon = batch(SECOND, name="batches/2", there=False, created="2026-01-01T00:00:02Z")
    late = batch(SECOND, name="batches/2", there=False, created="2026-01-01T00:00:09Z")
    assert unpaid(status, batch(), soon)
    assert unpaid(status, batch(), late) == []
    assert unpaid(status, batch(), soon, resubmitted={SECOND}) == []


def test_an_open_batch_that_is_deleted_is_seen() -> None:
    assert unpaid(KEPT, batch(state="RUNNING", there=False))


def test_a_batch_without_a_write_ahead_is_seen() -> None:
    assert books.unpaid_for(wish(), [body(status={})], [batch()], Deeds())


def test_what_a_deleted_job_leaves_is_seen() -> None:
    there, gone = batch(), batch(there=False)
    last = body(status=KEPT)
    orphan = {"deletionPolicy": "Orphan"}
    assert books.left_behind(wish(), last, [there], Deeds())
    assert not books.left_behind(wish(), last, [gone], Deeds())
    assert not books.left_behind(wish(spec=orphan), last, [there], Deeds())
    assert books.left_behind(wish(spec=orphan), last, [gone], Deeds())
    assert not books.left_behind(wish(), last, [there], Deeds(taken_over={"batches/1"}))


def ended(kind: str, reason: str, **more: Any) -> dict[str, Any]:
    return body(status=ENDED | {"conditions": [condition(kind, "True", reason)]} | more)


def told(state: str) -> dict[str, Any]:
    """Google's word for the batch, as the status repeats it."""
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
    assert ends.unjustified(wish(), ended(kind, reason, **told(state)), batches, Deeds())


COUNTED = {"requests": {"total": 1, "succeeded": 1, "failed": 0, "pending": 0}}
CANCELLED = told("CANCELLED")


def test_ends_that_fit_are_right() -> None:
    cancelled = [batch(state="CANCELLED")]
    succeeded = ended("Complete", "Succeeded", **COUNTED)
    assert not ends.unjustified(wish(), succeeded, [batch()], Deeds())
    shut_down, end = wish(spec={"shutdown": "Cancel"}), ended("Failed", "Cancelled", **CANCELLED)
    assert not ends.unjustified(shut_down, end, cancelled, Deeds())
    by_hand = Deeds(cancelled={"batches/1"})
    assert not ends.unjustified(wish(), end, cancelled, by_hand)
    too_late = ended("Failed", "DeadlineExceeded", **CANCELLED)
    assert not ends.unjustified(wish(deadlines={60}), too_late, cancelled, Deeds())


def test_an_end_with_wrong_words_is_seen() -> None:
    uncounted, deadline = ended("Complete", "Succeeded"), wish(deadlines={10**6})
    assert ends.unjustified(wish(), uncounted, [batch()], Deeds())
    cancelled = [batch(state="CANCELLED")]
    too_soon = ended("Failed", "DeadlineExceeded", **CANCELLED)
    assert ends.unjustified(deadline, too_soon, cancelled, Deeds())
    misquoted = ended("Failed", "Cancelled", **told("SUCCEEDED"))
    shut_down = wish(spec={"shutdown": "Cancel"})
    assert ends.unjustified(shut_down, misquoted, cancelled, Deeds())


def test_a_retry_that_was_owed_is_seen() -> None:
    failed, end = [batch(state="FAILED")], ended("Failed", "RemoteFailed", **told("FAILED"))
    assert ends.unjustified(wish(retries={1}), end, failed, Deeds())
    assert not ends.unjustified(wish(retries={0, 1}), end, failed, Deeds())


def test_a_job_that_vanishes_is_seen() -> None:
    gone = body(status=ENDED, deletionTimestamp="2026-01-02T00:00:05Z")
    assert ends.vanished(wish(), gone)
    assert ends.vanished(wish(spec={"ttlSecondsAfterFinished": 9}), gone)
    assert ends.vanished(wish(spec={"ttlSecondsAfterFinished": 5}), body(status=OPEN))
    assert not ends.vanished(wish(spec={"ttlSecondsAfterFinished": 5}), gone)


def test_results_of_a_job_that_failed_are_seen() -> None:
    delivers = wish(spec={"output": {"configMap": {"name": "results"}}})
    assert ends.undelivered(delivers, ended("Failed", "Cancelled"), {"data": {}})
    assert not ends.undelivered(delivers, ended("Failed", "Cancelled"), None)
    assert ends.undelivered(delivers, ended("Complete", "Succeeded"), None)
