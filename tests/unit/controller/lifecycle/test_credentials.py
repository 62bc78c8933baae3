from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import credentials, policies
from gemini_operator.controller.lifecycle.decisions import PatchStatus, RequeueAfter
from gemini_operator.controller.lifecycle.status import (
    HEALED_BY_AN_ANSWER,
    INHERITED,
    ended,
    healed,
    stalled,
)
from gemini_operator.controller.memory import ListSnapshot
from tests.unit.controller.builders import (
    NOW,
    a_batch,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    finished,
    note,
    reason_of,
    submitted,
    unnamed,
    written,
)

REASON = Reason.CREDENTIALS_MISSING


@pytest.mark.parametrize(
    ("known", "state"),
    [({}, "Queued"), (submitted(), "Running"), (unnamed(), "Submitting")],
    ids=["new", "running", "searching"],
)
def test_trouble_with_the_key_is_a_condition_that_a_person_can_act_on(
    known: dict[str, Any], state: str
) -> None:
    write = stalled(a_snapshot(status=known), REASON, "There is no Secret x.", 3.0)
    assert reason_of(write.status, "Stalled") == ("False", REASON), "at first it only waits"
    assert write.status.state == state
    [event] = write.events
    assert event.warning
    assert event.note == REASON.explain("There is no Secret x.")
    assert write.status.conditions[-1].message == event.note


def test_it_is_looked_at_again_after_the_seconds_given_or_with_the_jobs_back_off() -> None:
    timed = stalled(a_snapshot(status={}), REASON, "", 3.0)
    assert (timed.seconds, timed.retry) == (3.0, False)
    backing_off = stalled(a_snapshot(status={}), Reason.CREDENTIALS_REJECTED, "")
    assert (backing_off.seconds, backing_off.retry) == (None, True)


@pytest.mark.parametrize(("waited", "pause"), [(0, 1), (16, 2), (120, 15), (299, 30), (600, 30)])
def test_what_recovers_is_looked_at_soon_and_then_less_often(waited: int, pause: int) -> None:
    first = stalled(a_snapshot(status={}), REASON, "one")
    later = a_snapshot(status=first.status.dump(), now=NOW + timedelta(seconds=waited))
    again = stalled(later, REASON, "one")
    assert (again.seconds, again.retry) == (pause, False)


def test_an_event_is_posted_when_the_trouble_begins_or_changes_not_while_it_lasts() -> None:
    first = stalled(a_snapshot(status={}), REASON, "one")
    same = stalled(a_snapshot(status=first.status.dump()), REASON, "one")
    assert same.events == ()
    assert same.status == first.status
    other = stalled(a_snapshot(status=first.status.dump()), Reason.CREDENTIALS_REJECTED, "one")
    assert len(other.events) == 1


@pytest.mark.parametrize(
    ("condition", "heals"),
    [
        *[
            pytest.param(a_condition("Stalled", "True", reason), True, id=reason)
            for reason in sorted(HEALED_BY_AN_ANSWER)
        ],
        pytest.param(a_condition("Stalled", "True", "DeletionBlocked"), False, id="deletion"),
        pytest.param(a_condition("Stalled", "False", "CredentialsMissing"), True, id="waits"),
        pytest.param(a_condition("Submitted", "True", "Submitted"), False, id="not stalled"),
    ],
)
def test_a_good_answer_heals_what_it_disproves(condition: dict[str, Any], heals: bool) -> None:
    status = a_snapshot(status=submitted(conditions=[condition])).status
    after = healed(status)
    assert (reason_of(after, "Stalled") != reason_of(status, "Stalled")) is heals
    assert heals or after == status


def test_an_ended_job_is_not_stalled_whatever_the_reason() -> None:
    conditions = [
        a_condition("Stalled", "True", "AmbiguousSubmission"),
        a_condition("Complete", "True", "Succeeded"),
    ]
    status = ended(a_snapshot(status=submitted(conditions=conditions)).status)
    assert [condition.type for condition in status.conditions] == ["Complete"]


def test_p24_a_finished_job_is_not_changed_by_trouble_with_its_key() -> None:
    """A duplicate of it is to be cancelled, and its Secret is gone."""
    snapshot = a_snapshot(status=finished())
    write = stalled(snapshot, REASON, "There is no Secret x.")
    assert (write.status, write.events, write.retry) == (snapshot.status, (), True)


def test_a_refused_listing_is_shown_and_does_not_stand_in_the_way_of_the_next() -> None:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.refused = "API key not valid"
    decision = credentials.decide(snapshot)
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert isinstance(decision, PatchStatus)
    assert decision.seconds == 0.0
    shown = a_snapshot(status=status.dump(), facts=snapshot.facts)
    assert credentials.decide(shown) is None


def test_it_does_not_hide_what_only_a_person_can_end() -> None:
    """Both would be said in turn, for ever."""
    said = a_condition("Stalled", "True", "AmbiguousSubmission")
    snapshot = a_snapshot(status=unnamed(conditions=[said]))
    snapshot.facts.refused = "API key not valid"
    assert credentials.decide(snapshot) is None


@pytest.mark.parametrize(
    ("status", "listings", "reason"),
    [
        pytest.param(
            submitted(), [a_list_snapshot(current=a_batch())], "CredentialsRejected", id="running"
        ),
        pytest.param(
            unnamed(), [a_list_snapshot(complete=False)] * 3, "AmbiguousSubmission", id="ambiguous"
        ),
    ],
)
def test_a_refused_listing_is_said_and_then_it_is_quiet(
    status: dict[str, Any], listings: list[ListSnapshot], reason: str
) -> None:
    """What an earlier listing showed is neither taken back nor said in turn with it."""
    snapshot = a_snapshot(status=status)
    for listing in listings:
        note(snapshot, listing)
    snapshot.facts.refused = "API key not valid"
    for _ in range(3):
        decision = policies.decide(snapshot, None)
        if not isinstance(decision, PatchStatus):
            break
        snapshot = a_snapshot(status=decision.status.dump(), facts=snapshot.facts)
    assert decision == RequeueAfter()
    assert reason_of(snapshot.status, "Stalled") == ("True", reason)


def test_while_listings_succeed_there_is_nothing_to_say() -> None:
    assert credentials.decide(a_snapshot(status=unnamed())) is None


def test_p10_a_key_that_was_refused_to_another_job_is_told_in_our_own_words() -> None:
    write = credentials.inherited(a_snapshot(status={}), 60.0)
    assert reason_of(write.status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert (write.seconds, write.retry) == (60.0, False)
    [event] = write.events
    assert event.note == Reason.CREDENTIALS_REJECTED.explain(INHERITED)


@pytest.mark.parametrize("reason", ["CredentialsRejected", "InputMissing"])
def test_p10_what_google_has_said_to_the_job_itself_stays(reason: str) -> None:
    said = a_condition("Stalled", "True", reason)
    snapshot = a_snapshot(status={"state": "Queued", "conditions": [said]})
    write = credentials.inherited(snapshot, 60.0)
    assert (write.status == snapshot.status) is (reason == "CredentialsRejected")
