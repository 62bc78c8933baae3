from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.controller.lifecycle import cancellation, observation, policies
from gemini_operator.controller.lifecycle.cancellation import AGAIN, Cause
from gemini_operator.controller.lifecycle.decisions import (
    Cancel,
    Decision,
    ListRemote,
    PatchStatus,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot, Unreadable
from gemini_operator.controller.memory import CANCEL_READS, CANCEL_READS_LATER, Facts
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    BATCH,
    MONOTONIC,
    NOW,
    TO_CONFIG_MAP,
    UID,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    ago,
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

SHUTDOWN: dict[str, Any] = {"shutdown": "Cancel"}
DEADLINE: dict[str, Any] = {"activeDeadlineSeconds": 60}
SUSPEND: dict[str, Any] = {"suspend": True}
SUSPENDING = a_condition("Suspended", "False", "Suspending", Reason.SUSPENDING.message)
LATE = {"startTime": ago(60)}
CANCELLED, SUCCEEDED = "BATCH_STATE_CANCELLED", "BATCH_STATE_SUCCEEDED"


def at(seconds: float, facts: Facts, *, spec: dict[str, Any] = SHUTDOWN) -> Snapshot:
    """A job that is being cancelled, `seconds` after MONOTONIC."""
    return a_snapshot(
        spec=spec,
        status=cancelling(**LATE),
        facts=facts,
        now=NOW + timedelta(seconds=seconds),
        monotonic=MONOTONIC + seconds,
    )


def sent(seconds: float = 0.0) -> Facts:
    """A process that has sent the cancel."""
    facts = Facts(UID)
    facts.note_cancel(BATCH, MONOTONIC + seconds)
    return facts


# Why


@pytest.mark.parametrize(
    ("spec", "status", "cause"),
    [
        pytest.param({}, submitted(), None, id="no reason"),
        pytest.param(SHUTDOWN, submitted(), Cause.SHUTDOWN, id="shutdown"),
        pytest.param(DEADLINE, submitted(**LATE), Cause.DEADLINE, id="deadline"),
        pytest.param(DEADLINE, submitted(startTime=ago(59)), None, id="time left"),
        pytest.param(SUSPEND, submitted(), Cause.SUSPENSION, id="suspend"),
        pytest.param({}, cancelling(SUSPENDING), Cause.SUSPENSION, id="was suspended"),
        pytest.param(DEADLINE | SUSPEND, submitted(**LATE), Cause.DEADLINE, id="before suspend"),
        pytest.param(SHUTDOWN | DEADLINE | SUSPEND, submitted(**LATE), Cause.SHUTDOWN, id="all"),
        pytest.param(SHUTDOWN, cancelling(SUSPENDING), Cause.SHUTDOWN, id="first suspended"),
        pytest.param(
            {"activeDeadlineSeconds": 9999}, cancelling(**LATE), Cause.DEADLINE, id="extended late"
        ),
    ],
)
def test_p16_shutdown_goes_before_deadline_and_deadline_before_suspend(
    spec: dict[str, Any], status: dict[str, Any], cause: Cause | None
) -> None:
    assert cancellation.cause(a_snapshot(spec=spec, status=status)) is cause


@pytest.mark.parametrize("status", [{}, unnamed(), finished()])
def test_there_is_nothing_to_cancel_without_an_open_batch(status: dict[str, Any]) -> None:
    decision = policies.decide(a_snapshot(spec=SHUTDOWN, status=status), None)
    assert not isinstance(decision, Cancel)
    if status != finished():
        assert cancellation.decide(a_snapshot(spec=SHUTDOWN, status=status), None) is None


def test_a_batch_that_nobody_wants_to_end_is_left_alone() -> None:
    assert cancellation.decide(a_snapshot(status=submitted()), None) is None


# How


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        (SHUTDOWN, "spec.shutdown"),
        (DEADLINE, "spec.activeDeadlineSeconds"),
        (SUSPEND, "spec.suspend"),
    ],
)
def test_p16_what_is_begun_is_written_down_first_and_said_once(
    spec: dict[str, Any], cause: str
) -> None:
    decision = policies.decide(a_snapshot(spec=spec, status=submitted(**LATE)), None)
    status = written(decision)
    assert status.state == State.CANCELLING
    assert isinstance(decision, PatchStatus)
    [event] = decision.events
    assert event.reason == Reason.CANCELLING
    assert cause in event.note
    assert BATCH in event.note
    assert policies.decide(a_snapshot(spec=spec, status=status.dump()), None) == Cancel(BATCH)


def test_another_reason_on_top_changes_nothing_and_is_not_said() -> None:
    snapshot = a_snapshot(spec=SHUTDOWN, status=cancelling(SUSPENDING))
    assert policies.decide(snapshot, None) == Cancel(BATCH)
    also = policies.decide(a_snapshot(spec=SUSPEND, status=cancelling()), None)
    assert isinstance(also, PatchStatus)
    assert also.events == ()


def test_a_new_generation_is_acknowledged_on_the_way() -> None:
    snapshot = a_snapshot(spec=SUSPEND, status=cancelling(SUSPENDING), generation=2)
    status = written(policies.decide(snapshot, None))
    assert status.observed_generation == 2
    again = a_snapshot(spec=SUSPEND, status=status.dump(), generation=2)
    assert policies.decide(again, None) == Cancel(BATCH)


def test_p21_the_batch_is_looked_at_2_5_15_30_and_then_every_60_seconds() -> None:
    """Counted from the cancel; no callback may come for it."""
    facts, looks = sent(), []
    wait: Decision | None = policies.decide(at(0.0, facts), None)
    seconds = 0.0
    while isinstance(wait, RequeueAfter) and wait.seconds is not None:
        assert observation.wanted(at(seconds + wait.seconds - 0.1, facts)) is None
        seconds += wait.seconds
        snapshot = at(seconds, facts)
        assert observation.wanted(snapshot) == BATCH
        assert facts.cancel is not None
        facts.cancel.note_read(snapshot.monotonic)
        looks.append(seconds)
        wait = policies.decide(snapshot, seen())
    assert tuple(looks[:4]) == CANCEL_READS == (2.0, 5.0, 15.0, 30.0)
    assert {later - look for look, later in pairwise(looks[3:])} == {CANCEL_READS_LATER}
    assert looks[-1] >= AGAIN
    assert wait == Cancel(BATCH), "and sent again when it shows no effect"


@pytest.mark.parametrize(
    ("seconds", "again"), [(0.0, False), (AGAIN - 1, False), (AGAIN, True), (9999.0, True)]
)
def test_p21_a_cancel_without_effect_is_sent_again_after_ten_minutes(
    seconds: float, again: bool
) -> None:
    decision = policies.decide(at(seconds, sent()), None)
    assert isinstance(decision, Cancel if again else RequeueAfter)


def test_p21_the_looks_begin_anew_then() -> None:
    facts = sent()
    facts.note_cancel(BATCH, MONOTONIC + AGAIN)
    assert policies.decide(at(AGAIN, facts), None) == RequeueAfter(2.0)


def test_p16_another_process_cancels_again_for_it_cannot_know() -> None:
    assert policies.decide(at(10.0, Facts(UID)), None) == Cancel(BATCH)


def test_p15_the_cancel_of_an_earlier_batch_says_nothing_about_this_one() -> None:
    facts = Facts(UID)
    facts.note_cancel("batches/earlier", MONOTONIC - 5)
    snapshot = at(0.0, facts)
    assert not cancellation.read_due(snapshot)
    assert policies.decide(snapshot, None) == Cancel(BATCH)


def test_what_google_shows_meanwhile_does_not_hide_that_it_is_being_cancelled() -> None:
    snapshot = at(1.0, sent())
    note(snapshot, a_list_snapshot(current=a_batch(stats=(3, 1, 0, 2))))
    status = written(policies.decide(snapshot, None))
    assert status.state == State.CANCELLING
    assert status.requests is not None


def test_p18_of_an_event_and_a_cancel_the_sooner_look_counts() -> None:
    facts = sent()
    facts.note_event_read("event-1", MONOTONIC)
    status = cancelling(lastEvent=an_event())
    for seconds, wait in ((0.0, 2.0), (1.0, 1.0)):
        snapshot = a_snapshot(
            spec=SHUTDOWN, status=status, facts=facts, monotonic=MONOTONIC + seconds
        )
        assert policies.decide(snapshot, None) == RequeueAfter(wait)
    assert facts.cancel is not None
    facts.cancel.due = MONOTONIC + 50
    assert policies.decide(
        a_snapshot(spec=SHUTDOWN, status=status, facts=facts), None
    ) == RequeueAfter(2.0)


@pytest.mark.parametrize(
    "remote",
    [
        pytest.param(Gone(same_key=False), id="out of reach"),
        pytest.param(Unreadable(errors.CredentialsRejected("no")), id="refused"),
        pytest.param(Unreadable(errors.TooLarge("big")), id="too large: it has ended"),
    ],
)
def test_p20_what_cannot_be_read_is_not_cancelled(remote: Remote) -> None:
    snapshot = a_snapshot(spec=SHUTDOWN, status=submitted())
    assert cancellation.decide(snapshot, remote) is None
    decision = policies.decide(snapshot, remote)
    assert isinstance(decision, PatchStatus | ListRemote)
    assert (
        not isinstance(decision, PatchStatus) or reason_of(decision.status, "Stalled") is not None
    )


# Google's end wins


@pytest.mark.parametrize(
    ("spec", "end", "kind", "reason", "state"),
    [
        (SHUTDOWN, "CANCELLED", "Failed", Reason.CANCELLED, "Cancelled"),
        (DEADLINE, "CANCELLED", "Failed", Reason.DEADLINE_EXCEEDED, "Failed"),
        (SHUTDOWN, "FAILED", "Failed", Reason.REMOTE_FAILED, "Failed"),
        (DEADLINE, "FAILED", "Failed", Reason.REMOTE_FAILED, "Failed"),
        (SHUTDOWN, "EXPIRED", "Failed", Reason.REMOTE_EXPIRED, "Expired"),
        (DEADLINE, "EXPIRED", "Failed", Reason.REMOTE_EXPIRED, "Expired"),
        (SHUTDOWN, "SUCCEEDED", "Complete", Reason.SUCCEEDED, "Succeeded"),
        (DEADLINE, "SUCCEEDED", "Complete", Reason.SUCCEEDED, "Succeeded"),
    ],
)
def test_p16_googles_end_wins(
    spec: dict[str, Any], end: str, kind: str, reason: Reason, state: str
) -> None:
    snapshot = at(5.0, sent(), spec=spec)
    status = written(delivering(snapshot, policies.decide(snapshot, seen(f"BATCH_STATE_{end}"))))
    assert reason_of(status, kind) == ("True", reason)
    assert (status.state, status.completion_time) == (state, snapshot.now)
    assert status.failures == int(end in ("FAILED", "EXPIRED"))


@pytest.mark.parametrize("spec", [SHUTDOWN, DEADLINE, SUSPEND])
def test_p16_results_of_a_batch_that_succeeded_after_our_cancel_are_delivered(
    spec: dict[str, Any],
) -> None:
    snapshot = at(5.0, sent(), spec=spec | {"output": TO_CONFIG_MAP})
    remote = seen(SUCCEEDED, results=[])
    assert policies.decide(snapshot, remote).observation == remote.observation  # type: ignore[union-attr]


def test_p16_a_cancel_before_ours_by_somebody_at_google_is_the_end() -> None:
    status = written(policies.decide(a_snapshot(status=submitted()), seen(CANCELLED)))
    assert reason_of(status, "Failed") == ("True", Reason.CANCELLED)


def test_p16_a_deadline_extended_too_late_is_still_what_ended_the_job() -> None:
    """The cancel was on its way; nobody at Google caused this end."""
    snapshot = at(5.0, sent(), spec={"activeDeadlineSeconds": 9999})
    assert policies.decide(snapshot, seen()) == RequeueAfter(0.0), "the looks go on"
    status = written(policies.decide(snapshot, seen(CANCELLED)))
    assert reason_of(status, "Failed") == ("True", Reason.DEADLINE_EXCEEDED)
