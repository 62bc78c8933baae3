from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import cancellation, policies, retries
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Adopt,
    Cancel,
    DeleteObject,
    DeleteRemote,
    ListRemote,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.memory import Facts
from tests.unit.controller.builders import (
    ADOPTS,
    BATCH,
    EARLIER,
    MONOTONIC,
    NOW,
    UID,
    a_batch,
    a_list_snapshot,
    a_snapshot,
    ago,
    an_attempt,
    an_event,
    cancelling,
    delivering,
    finished,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)
from tests.unit.controller.lifecycle.google import CANCELLED, NEVER, RUNNING, Luck
from tests.unit.controller.lifecycle.stories import GRACE
from tests.unit.controller.lifecycle.world import World, stalled_as

# Order


@pytest.mark.parametrize(
    ("of_job", "decision"),
    [
        pytest.param(
            {"status": {}, "has_finalizer": False}, AddFinalizer(), id="first the finalizer"
        ),
        pytest.param({"status": {}}, Submit(1), id="then the create"),
        pytest.param(
            {"status": submitted()}, RequeueAfter(), id="then nothing, until something changes"
        ),
        pytest.param({"status": finished()}, RequeueAfter(), id="and nothing more after the end"),
        pytest.param(
            {"status": finished(lastEvent=an_event())}, RequeueAfter(), id="whatever is called back"
        ),
        pytest.param(
            {"status": finished(), "deleting": True}, DeleteRemote((BATCH,)), id="but a deletion"
        ),
        pytest.param({"status": {}, "deleting": True}, DeleteRemote(()), id="never submits"),
    ],
)
def test_p16_the_order_of_a_life(of_job: dict[str, Any], decision: object) -> None:
    assert policies.decide(a_snapshot(**of_job), None) == decision


@pytest.mark.parametrize(
    "status",
    [submitted(), submitted(lastEvent=an_event()), unnamed(), finished()],
    ids=["waiting", "with a delay", "searching", "finished"],
)
def test_a_new_generation_is_acknowledged_where_nothing_else_is_to_be_written(
    status: dict[str, Any],
) -> None:
    """Then the job is looked at again, so what it waits for is not lost."""
    snapshot = a_snapshot(status=status, generation=2)
    snapshot.facts.note_event_read("event-1", snapshot.monotonic)
    decision = policies.decide(snapshot, None)
    assert decision == PatchStatus(snapshot.status.model_copy(update={"observed_generation": 2}))
    after = a_snapshot(
        status=status | {"observedGeneration": 2}, facts=snapshot.facts, generation=2
    )
    assert isinstance(policies.decide(after, None), ListRemote | RequeueAfter)


def test_a_job_of_which_nothing_was_written_yet_acknowledges_nothing() -> None:
    snapshot = a_snapshot(deleting=True, has_finalizer=False)
    assert policies.decide(snapshot, None) == RequeueAfter()


# Precedence


SHUTDOWN = {"shutdown": "Cancel"}
DEADLINE = {"activeDeadlineSeconds": 1}
SUSPEND = {"suspend": True}


@pytest.mark.parametrize(
    ("spec", "of_job", "reason"),
    [
        (SHUTDOWN | DEADLINE | SUSPEND, {}, Reason.CANCELLED),
        (DEADLINE | SUSPEND, {}, Reason.DEADLINE_EXCEEDED),
        (SUSPEND, {}, Reason.SUSPENDED),
    ],
    ids=["shutdown", "then the deadline", "then suspend"],
)
def test_p16_what_keeps_a_job_from_being_submitted(
    spec: dict[str, Any], of_job: dict[str, Any], reason: Reason
) -> None:
    queued = {"state": "Queued", "startTime": ago(60), "observedGeneration": 1}
    status = written(policies.decide(a_snapshot(spec=spec, status=queued, **of_job), None))
    assert reason_of(status, "Submitted") == ("False", reason)
    deleted = a_snapshot(spec=spec, status=queued, deleting=True)
    assert policies.decide(deleted, None) == DeleteRemote(()), "a deletion goes before all of them"


def test_p16_nothing_keeps_the_others() -> None:
    assert policies.decide(a_snapshot(), None) == Submit(1)
    assert policies.decide(a_snapshot(spec=ADOPTS, status={"batchName": BATCH}), None) == Adopt()


@pytest.mark.parametrize("spec", [SHUTDOWN, DEADLINE, SUSPEND])
def test_p16_each_ends_an_open_batch_the_same_way(spec: dict[str, Any]) -> None:
    first = written(
        policies.decide(a_snapshot(spec=spec, status=submitted(startTime=ago(60))), None)
    )
    assert first.state == "Cancelling"
    facts = Facts(UID)
    snapshot = a_snapshot(spec=spec, status=first.dump(), facts=facts)
    assert policies.decide(snapshot, None) == Cancel(BATCH)
    facts.note_cancel(BATCH, MONOTONIC)
    assert policies.decide(snapshot, None) == RequeueAfter(2.0)


def test_p16_news_of_the_batch_does_not_put_its_cancel_off() -> None:
    """Here: an event whose next look is seconds away, and counts that have changed."""
    snapshot = a_snapshot(spec=SUSPEND, status=submitted(lastEvent=an_event()), generation=2)
    snapshot.facts.note_event_read("event-1", MONOTONIC)
    first = policies.decide(snapshot, seen(stats=(3, 1, 0, 2)))
    assert isinstance(first, PatchStatus)
    assert first.seconds is None
    again = a_snapshot(spec=SUSPEND, status=first.status.dump(), facts=snapshot.facts, generation=2)
    assert written(policies.decide(again, None)).state == "Cancelling"


# Alarms


@pytest.mark.parametrize(
    ("spec", "status", "seconds"),
    [
        pytest.param({}, {}, None, id="nothing will happen by itself"),
        pytest.param({}, submitted(), 49 * 3600.0, id="stuck"),
        pytest.param({"activeDeadlineSeconds": 30}, submitted(), 30.0, id="the deadline is sooner"),
        pytest.param(
            {"activeDeadlineSeconds": 30},
            cancelling(startTime=ago(30)),
            49 * 3600.0,
            id="a deadline that is over has been acted on",
        ),
        pytest.param({"ttlSecondsAfterFinished": 7}, finished(), 7.0, id="time to live"),
        pytest.param({"ttlSecondsAfterFinished": 0}, finished(), None, id="at once"),
    ],
)
def test_time_alone_wakes_a_job(
    spec: dict[str, Any], status: dict[str, Any], seconds: float | None
) -> None:
    assert policies.alarm(a_snapshot(spec=spec, status=status)) == seconds


def test_p24_a_ttl_that_has_come_is_acted_on_at_once() -> None:
    snapshot = a_snapshot(spec={"ttlSecondsAfterFinished": 0}, status=finished())
    assert policies.decide(snapshot, None) == DeleteObject()


def test_p12_duplicates_of_a_finished_job_are_still_dealt_with() -> None:
    snapshot = a_snapshot(status=finished(supersededAttempts=[an_attempt(EARLIER)]))
    note(snapshot, a_list_snapshot(a_batch("batches/late", attempt=EARLIER)))
    assert isinstance(policies.decide(snapshot, None), DeleteRemote)


def test_p10_a_refusal_is_written_before_anything_is_searched() -> None:
    world = World(has_finalizer=True, luck=lambda: Luck("429"))
    world.turn()
    assert world.creates == 1
    assert world.google.listings == 0
    assert "attempt" not in world.status
    assert world.status["state"] == "Queued"


def test_p17_an_end_is_written_with_its_event_in_one_write() -> None:
    snapshot = a_snapshot(status=submitted(lastEvent=an_event()))
    status = written(delivering(snapshot, policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED"))))
    assert status.observed_event_id == "event-1"
    assert status.completion_time is not None


# Together with time


def test_p13_four_creates_without_an_answer_are_the_most() -> None:
    world = World(luck=lambda: Luck("lost"))
    world.live(20 * GRACE)
    assert world.creates == 4
    assert stalled_as(world, Reason.AMBIGUOUS_SUBMISSION)
    assert world.due - world.monotonic > 24 * 3600, "nothing but RemoteStuck has a time"


def test_p16_the_deadline_ends_the_batch_to_the_second() -> None:
    world = World(spec={"activeDeadlineSeconds": 100})
    world.live(3600.0)
    [batch] = world.google.batches
    assert batch.cancels == [MONOTONIC + 100]
    assert reason_of(world.history[-1].status, "Failed") == ("True", Reason.DEADLINE_EXCEEDED)
    assert world.history[-1].at == NOW + timedelta(seconds=102), "the first look after it"


def test_p16_a_suspended_job_has_all_its_time_again_when_it_is_resumed() -> None:
    world = World(spec={"activeDeadlineSeconds": 100})
    for seconds in (90.0, 5000.0, 90.0):
        world.live(seconds)
        world.edit(suspend=not world.spec.get("suspend", False))
    assert world.sent[-1].at == MONOTONIC + 5090
    assert "completionTime" not in world.status


def test_p16_suspended_and_resumed_as_fast_as_can_be_a_job_has_one_batch_at_a_time() -> None:
    world = World(luck=lambda: Luck(slow=100.0))
    world.live(10.0)
    for _ in range(6):
        world.edit(suspend=not world.spec.get("suspend", False))
        world.live(10.0)
    assert len(world.google.batches) == 1, "the first one has not ended yet"
    world.live(300.0)
    assert [batch.state for batch in world.google.batches] == [CANCELLED, RUNNING]
    assert world.google.crowd == 1


def test_p15_each_retry_waits_twice_as_long() -> None:
    world = World(spec={"backoffLimit": 3})
    for _ in range(4):
        world.live(300.0)
        world.google.end("BATCH_STATE_EXPIRED")
        ended = world.monotonic
        world.show()
        world.live(0.0)
        if len(world.sent) < 4:
            world.live(100.0)
            assert world.sent[-1].at == ended + retries.pause(len(world.sent) - 1)
    assert world.status["failures"] == 4
    assert len(world.google.batches) == 4
    assert world.google.crowd == 1
    end = world.history[-1].status
    assert reason_of(end, "Failed") == ("True", Reason.BACKOFF_LIMIT_EXCEEDED)


@pytest.mark.parametrize("seconds", [0, 60, 5000])
def test_p24_a_finished_job_goes_when_its_time_has_come(seconds: int) -> None:
    world = World(output=True, spec={"ttlSecondsAfterFinished": seconds})
    world.live(10.0)
    world.google.end("BATCH_STATE_SUCCEEDED")
    world.call_back(1)
    world.live(10_000.0)
    assert world.released
    assert world.deleted == 10.0 + seconds
    assert world.google.there() == []


def test_p21_a_cancel_that_google_ignores_is_sent_again() -> None:
    world = World(luck=lambda: Luck(deaf=1))
    world.live(10.0)
    world.edit(shutdown="Cancel")
    world.live(3600.0)
    [batch] = world.google.batches
    first, second = batch.cancels
    assert second - first == pytest.approx(cancellation.AGAIN, abs=60)
    assert world.status["state"] == "Cancelled"


def test_p20_a_batch_that_never_ends_is_told_after_49_hours() -> None:
    world = World()
    for _ in range(97):
        world.live(1800.0)
        assert not world.is_true(STALLED)
    world.live(1800.0)
    assert stalled_as(world, Reason.REMOTE_STUCK)


def test_p17_a_name_from_a_callback_is_not_forgotten_while_the_key_is_rejected() -> None:
    """Else nothing but the search would find the batch, and Google may not list it for long."""
    world = World(luck=lambda: Luck("no answer", hidden=NEVER))
    world.turn()
    world.key = "refused"
    world.call_back(1)
    world.live(5.0)
    assert "batchName" not in world.status
    world.key = "good"
    world.call_back(2)
    world.live(60.0)
    assert world.status["batchName"] == "batches/1"
    assert world.creates == 1


def test_p21_a_create_that_was_given_up_a_moment_ago_is_looked_for_before_the_job_goes() -> None:
    world = World(luck=lambda: Luck("no answer", hidden=30.0))
    world.live(1.0)
    attempt = world.status["attempt"]["id"]
    world.annotate(group.RESOLVE_SUBMISSION, f"Resubmit:{attempt}")
    world.edit(suspend=True)
    world.live(1.0)
    assert "attempt" not in world.status
    world.delete()
    world.live(2 * GRACE)
    assert world.released
    assert world.google.open() == []
