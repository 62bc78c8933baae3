"""The model can say no: each law, each entry in the books, each end, broken once."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from gemini_operator.api.group import FINALIZER
from tests.integration.history import books, ends, laws
from tests.integration.history.google import Batch
from tests.integration.history.wish import Deeds, Wish

UID = "01234567-89ab-cdef-0123-456789abcdef"
FIRST, SECOND = "00112233445566aa", "00112233445566bb"


def condition(kind: str, value: str, reason: str, time: str = "2026-01-01T00:00:00Z") -> Any:
    return {"type": kind, "status": value, "reason": reason, "lastTransitionTime": time}


def body(*, status: Any = None, spec: Any = None, **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"uid": UID, "generation": 2, "finalizers": [FINALIZER], **metadata},
        "spec": {} if spec is None else spec,
        "status": {} if status is None else status,
    }


def attempt(an_id: str = FIRST, **more: Any) -> dict[str, Any]:
    return {"id": an_id, "number": 1, "startTime": "2026-01-01T00:00:00Z", **more}


OPEN = {"attempt": attempt(batchName="batches/1"), "batchName": "batches/1", "failures": 1}
ENDED = OPEN | {
    "completionTime": "2026-01-02T00:00:00Z",
    "conditions": [condition("Complete", "True", "Succeeded")],
    "output": {"batchName": "batches/1"},
}
FAILED = condition("Failed", "True", "Cancelled")
PAST = {"supersededAttempts": [attempt(SECOND, reason="Suspended")]}
WAITS = [condition("Submitted", "False", "Queued")]
MOVED = [condition("Submitted", "False", "Queued", "2026-01-01T00:00:09Z")]

BROKEN = {
    "both ends": (OPEN, ENDED | {"conditions": [*ENDED["conditions"], FAILED]}),
    "an end without a time": (OPEN, OPEN | {"conditions": [FAILED]}),
    "a time without an end": (OPEN, OPEN | {"completionTime": ENDED["completionTime"]}),
    "another end": (ENDED, ENDED | {"conditions": [FAILED]}),
    "an end taken back": (ENDED, OPEN),
    "a later end": (ENDED, ENDED | {"completionTime": "2026-01-03T00:00:00Z"}),
    "another output": (ENDED, ENDED | {"output": {"batchName": "batches/2"}}),
    "a time that moves alone": ({"conditions": WAITS}, {"conditions": MOVED}),
    "a generation to come": (OPEN, OPEN | {"observedGeneration": 3}),
    "an older generation": (OPEN | {"observedGeneration": 2}, OPEN | {"observedGeneration": 1}),
    "two failures at once": (OPEN, OPEN | {"failures": 3}),
    "another batch": (OPEN, OPEN | {"attempt": attempt(batchName="batches/2")}),
    "a name of nobody": (OPEN, OPEN | {"attempt": attempt()}),
    "a batch forgotten": (OPEN, {"failures": 1}),
    "an attempt replaced": ({"attempt": attempt()}, {"attempt": attempt(SECOND)}),
    "a past forgotten": (PAST, {}),
    "a past rewritten": (PAST, {"supersededAttempts": [attempt(SECOND, reason="RemoteFailed")]}),
    "another start": ({"startTime": "2026-01-01T00:00:00Z"}, {"startTime": "2026-01-01T00:00:01Z"}),
    "a start cleared": ({"startTime": "2026-01-01T00:00:00Z"}, {}),
    "an event of another attempt": (OPEN, OPEN | {"lastEvent": {"id": "1", "attempt": SECOND}}),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_change_that_may_not_be_is_seen(what: str) -> None:
    before, after = BROKEN[what]
    assert not laws.broken({}, body(status=before))
    assert laws.broken(body(status=before), body(status=after))


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
    before, after = {}, {"attempt": attempt()}
    assert not laws.broken(body(status=before), body(status=after))
    assert laws.broken(
        body(status=before, spec=spec, **metadata), body(status=after, spec=spec, **metadata)
    )


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
    gone = batch(SECOND, name="batches/2", there=False)
    assert unpaid(past("DuplicateCancelled"), batch(), gone) == []


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


def ended(kind: str, reason: str) -> dict[str, Any]:
    status = deepcopy(ENDED)
    status["conditions"] = [condition(kind, "True", reason)]
    return body(status=status)


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
        ("Failed", "Internal", "SUCCEEDED"),
    ],
)
def test_an_end_that_does_not_fit_is_seen(kind: str, reason: str, state: str) -> None:
    assert ends.unjustified(wish(), ended(kind, reason), [batch(state=state)], Deeds())


def test_ends_that_fit_are_right() -> None:
    cancelled = [batch(state="CANCELLED")]
    assert not ends.unjustified(wish(), ended("Complete", "Succeeded"), [batch()], Deeds())
    shut_down = wish(spec={"shutdown": "Cancel"})
    assert not ends.unjustified(shut_down, ended("Failed", "Cancelled"), cancelled, Deeds())
    by_hand = Deeds(cancelled={"batches/1"})
    assert not ends.unjustified(wish(), ended("Failed", "Cancelled"), cancelled, by_hand)
