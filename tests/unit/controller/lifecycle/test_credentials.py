from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.status import Status
from gemini_operator.controller.lifecycle import credentials, observation, policies
from gemini_operator.controller.lifecycle.decisions import ListRemote, PatchStatus, RequeueAfter
from gemini_operator.controller.lifecycle.status import (
    HEALED_BY_AN_ANSWER,
    INHERITED,
    ended,
    healed,
    stalled,
)
from gemini_operator.controller.memory import KeyProblem, ListSnapshot
from gemini_operator.gemini.errors import Unavailable
from tests.unit.controller.builders import (
    BATCH,
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
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")
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
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")
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
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")
    for _ in range(3):
        decision = policies.decide(snapshot, None)
        if not isinstance(decision, PatchStatus):
            break
        snapshot = a_snapshot(status=decision.status.dump(), facts=snapshot.facts)
    assert decision == RequeueAfter()
    assert reason_of(snapshot.status, "Stalled") == ("True", reason)


MISSING = KeyProblem(Reason.CREDENTIALS_MISSING, "Secret x, key y: there is no Secret x.")
REFUSED = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid.")


@pytest.mark.parametrize("problem", [MISSING, REFUSED], ids=lambda problem: problem.reason)
def test_a_running_batch_is_named_and_said_to_go_on(problem: KeyProblem) -> None:
    spec = {"apiKeySecretRef": {"name": "x", "key": "y"}}
    snapshot = a_snapshot(spec=spec, status=submitted())
    snapshot.facts.key_problem = problem
    decision = credentials.decide(snapshot)
    status = written(decision)
    waits = problem is MISSING
    assert reason_of(status, "Stalled") == ("False" if waits else "True", problem.reason)
    assert status.state == "Running"
    message = said_of(status)
    for part in ("Secret x, key y", problem.message, f"{BATCH} goes on at Google meanwhile."):
        assert part in message
    # A reconcile that needs the key now says the same: the two must not take turns.
    shown = a_snapshot(spec=spec, status=status.dump(), facts=snapshot.facts)
    again = policies.without_credentials(shown, problem.reason, problem.message)
    assert written(again) == status


def said_of(status: Status) -> str:
    condition = find(status.conditions, STALLED)
    assert condition is not None
    return condition.message


@pytest.mark.parametrize(
    "status",
    [unnamed(), submitted(geminiState="BATCH_STATE_SUCCEEDED")],
    ids=["no batch known", "ended"],
)
def test_no_batch_is_said_to_go_on_that_may_not(status: dict[str, Any]) -> None:
    snapshot = a_snapshot(status=status)
    snapshot.facts.key_problem = MISSING
    message = said_of(written(credentials.decide(snapshot)))
    assert message == Reason.CREDENTIALS_MISSING.explain(MISSING.message)


@pytest.mark.parametrize("problem", [MISSING, REFUSED], ids=lambda problem: problem.reason)
def test_a_list_from_before_does_not_take_it_back(problem: KeyProblem) -> None:
    """Not even when the job was stalled for something else before the list."""
    before = a_condition("Stalled", "True", "RemoteStuck")
    snapshot = a_snapshot(status=submitted(conditions=[before]))
    note(snapshot, a_list_snapshot(current=a_batch()))
    snapshot.facts.key_problem = problem
    status = written(policies.decide(snapshot, None))
    shown = a_snapshot(status=status.dump(), facts=snapshot.facts)
    assert policies.decide(shown, None) == RequeueAfter()
    assert reason_of(status, "Stalled") == ("True", problem.reason)
    # The next list that works does.
    shown.facts.key_problem = None
    note(shown, a_list_snapshot(current=a_batch()))
    assert reason_of(written(policies.decide(shown, None)), "Stalled") is None


def test_p22_a_missing_secret_is_no_refusal_to_a_deletion() -> None:
    """The last key that worked may list the batches."""
    snapshot = a_snapshot(status=unnamed(), deleting=True)
    snapshot.facts.deleting_since = snapshot.monotonic
    snapshot.facts.key_problem = MISSING
    assert policies.decide(snapshot, None) == ListRemote(0.0)


def test_google_was_asked_so_the_key_is_not_missing() -> None:
    """Otherwise the two would be said in turn."""
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.key_problem = MISSING
    policies.unanswered(snapshot, Unavailable("503"))
    assert credentials.decide(snapshot) is None


def test_s11_with_another_key_one_list_without_the_batch_is_enough_to_read_it() -> None:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.key_differs = True
    assert observation.wanted(snapshot) is None
    note(snapshot, a_list_snapshot())
    assert observation.wanted(snapshot) == BATCH
    snapshot.facts.key_differs = False
    assert observation.wanted(snapshot) is None, "one list may miss it"


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
