from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.conditions import SUBMITTED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import policies, stuck
from gemini_operator.controller.lifecycle.decisions import Cancel, PatchStatus, RequeueAfter
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import with_submitted_since
from gemini_operator.controller.lifecycle.stuck import OVERDUE
from gemini_operator.controller.memory import Facts, KeyProblem
from gemini_operator.gemini.remote import Summary
from tests.unit.controller.builders import (
    BATCH,
    MONOTONIC,
    NOW,
    UID,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    cancelling,
    delivering,
    finished,
    note,
    reason_of,
    seen,
    submitted,
    time,
    written,
)

HOURS = timedelta(hours=1)
DUE = OVERDUE / HOURS
SAID = a_condition("Submitted", "True", "Submitted")


def later(hours: float, status: dict[str, Any] | None = None, *, facts: Any = None) -> Snapshot:
    """A job whose attempt began that long ago."""
    return a_snapshot(
        status=submitted() if status is None else status,
        facts=facts,
        now=NOW + timedelta(hours=hours),
        monotonic=MONOTONIC + 3600 * hours,
    )


def swept(snapshot: Snapshot, current: Summary | None = None) -> Status:
    """A reconcile after a list that shows the batch."""
    note(snapshot, a_list_snapshot(current=current or a_batch(), begun=snapshot.monotonic))
    return written(policies.decide(snapshot, None))


def message(status: Status, kind: str) -> str:
    condition = find(status.conditions, kind)
    assert condition is not None
    return condition.message


@pytest.mark.parametrize(
    ("hours", "status", "left", "is_overdue"),
    [
        pytest.param(0, submitted(), 49 * 3600.0, False, id="just submitted"),
        pytest.param(48, submitted(), 3600.0, False, id="Google's promise, and an hour"),
        pytest.param(49, submitted(), None, True, id="now"),
        pytest.param(100, submitted(), None, True, id="long ago"),
        pytest.param(100, {}, None, False, id="nothing at Google"),
        pytest.param(1, finished(), None, False, id="finished"),
    ],
)
def test_google_has_49_hours(
    hours: float, status: dict[str, Any], left: float | None, is_overdue: bool
) -> None:
    snapshot = later(hours, status)
    assert stuck.remaining(snapshot) == left
    assert stuck.overdue(snapshot) is is_overdue


def test_the_moment_wakes_the_job() -> None:
    assert policies.alarm(later(48)) == 3600.0
    assert policies.alarm(later(49)) is None


def test_p20_the_sweep_notices_a_batch_that_google_never_moves() -> None:
    """And the status says since when; it is said once and the job goes on being looked at."""
    status = swept(later(DUE))
    assert reason_of(status, "Stalled") == ("True", Reason.REMOTE_STUCK)
    assert f"{BATCH} is BATCH_STATE_RUNNING" in message(status, "Stalled")
    assert f"submitted at {time()}" in message(status, "Stalled")
    assert status.completion_time is None
    snapshot = later(DUE + 1, status.dump())
    note(snapshot, a_list_snapshot(current=a_batch(), begun=snapshot.monotonic))
    assert policies.decide(snapshot, None) == RequeueAfter()


def test_before_that_nobody_is_called() -> None:
    snapshot = later(DUE - 0.1)
    note(snapshot, a_list_snapshot(current=a_batch(), begun=snapshot.monotonic))
    assert policies.decide(snapshot, None) == RequeueAfter()


def test_a_read_notices_it_too() -> None:
    status = written(policies.decide(later(DUE), seen()))
    assert reason_of(status, "Stalled") == ("True", Reason.REMOTE_STUCK)


def test_without_a_look_nothing_is_said() -> None:
    """Google may have ended it long ago."""
    assert policies.decide(later(DUE), None) == RequeueAfter()


def test_each_attempt_has_its_own_49_hours() -> None:
    new = submitted(attempt=an_attempt(batchName=BATCH, startTime=time(NOW + 40 * HOURS)))
    assert not stuck.overdue(later(DUE, new))


@pytest.mark.parametrize("end", ["SUCCEEDED", "EXPIRED", "CANCELLED"])
def test_its_end_needs_nobody_any_more(end: str) -> None:
    known = submitted(conditions=[SAID, a_condition("Stalled", "True", "RemoteStuck")])
    snapshot = later(DUE + 9, known)
    status = written(delivering(snapshot, policies.decide(snapshot, seen(f"BATCH_STATE_{end}"))))
    assert status.completion_time is not None
    assert reason_of(status, "Stalled") is None


def test_what_it_says_to_do_can_be_done() -> None:
    stalled = a_condition("Stalled", "True", "RemoteStuck")
    snapshot = a_snapshot(
        spec={"shutdown": "Cancel"}, status=cancelling(stalled), now=NOW + 50 * HOURS
    )
    assert policies.decide(snapshot, None) == Cancel(BATCH)


# Since when


@pytest.mark.parametrize("reason", [Reason.SUBMITTED, Reason.ADOPTED])
def test_the_status_says_since_when_google_shows_a_state(reason: Reason) -> None:
    known = submitted(conditions=[a_condition("Submitted", "True", reason)])
    status = swept(later(2, known), a_batch(state="BATCH_STATE_PENDING"))
    assert reason_of(status, "Submitted") == ("True", reason)
    since = time(NOW + 2 * HOURS)
    assert f"BATCH_STATE_PENDING since {since}" in message(status, "Submitted")
    condition = find(status.conditions, SUBMITTED)
    assert condition is not None
    assert condition.last_transition_time < NOW, "only the value moves it"


def test_a_state_that_stays_is_not_renewed() -> None:
    snapshot = later(2)
    assert with_submitted_since(snapshot, snapshot.status, a_batch()) == snapshot.status


def test_a_job_that_never_said_it_was_submitted_does_not_begin_to() -> None:
    snapshot = later(2, submitted(conditions=[]))
    assert (
        with_submitted_since(snapshot, snapshot.status, a_batch(state="BATCH_STATE_PENDING"))
        == snapshot.status
    )


# Beside other trouble


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("CredentialsMissing", Reason.REMOTE_STUCK),
        ("InputMissing", Reason.REMOTE_STUCK),
    ],
)
def test_it_follows_trouble_that_a_look_has_ended(reason: str, shown: Reason) -> None:
    """And the condition was True all the time."""
    stalled = a_condition("Stalled", "True", reason)
    snapshot = later(DUE, submitted(conditions=[SAID, stalled]))
    note(snapshot, a_list_snapshot(current=a_batch(), begun=snapshot.monotonic))
    status = stuck.with_stuck(snapshot, snapshot.status, a_batch())
    assert reason_of(status, "Stalled") == ("True", shown)
    assert status.conditions[-1].last_transition_time < NOW


def test_it_does_not_take_turns_with_a_key_that_is_refused() -> None:
    facts = Facts(UID)
    snapshot = later(DUE, facts=facts)
    note(snapshot, a_list_snapshot(current=a_batch(), begun=snapshot.monotonic))
    facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")
    status, writes = snapshot.status, 0
    while isinstance(
        decision := policies.decide(later(DUE, status.dump(), facts=facts), None), PatchStatus
    ):
        status, writes = decision.status, writes + 1
        assert writes < 5
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)


def test_a_batch_without_an_attempt_is_nobodys() -> None:
    snapshot = later(DUE, {})
    assert stuck.with_stuck(snapshot, snapshot.status, a_batch()) == snapshot.status
