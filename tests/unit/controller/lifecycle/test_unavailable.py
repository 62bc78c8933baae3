"""Google is away: the job says so, and the policies that need no answer act all the same."""

from collections.abc import Callable
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import policies, unavailable
from gemini_operator.controller.lifecycle.decisions import (
    Cancel,
    Decision,
    ListRemote,
    PatchStatus,
    RemoveFinalizer,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot, Unanswered
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    MONOTONIC,
    a_condition,
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)

AWAY = Unanswered(errors.Unavailable("503 Service Unavailable"))


def read_failed(times: int = unavailable.ENOUGH, **of_job: Any) -> Snapshot:
    snapshot = a_snapshot(status=submitted(**of_job.pop("status", {})), **of_job)
    snapshot.facts.failed_calls = times
    return snapshot


def test_one_error_is_not_worth_a_write() -> None:
    snapshot = read_failed(times=1)
    assert policies.decide(snapshot, AWAY) == PatchStatus(snapshot.status, (), 0.0, retry=True)


def test_several_are_shown_with_googles_words_and_since_when() -> None:
    write = policies.decide(read_failed(), AWAY)
    assert isinstance(write, PatchStatus)
    assert write.retry
    assert reason_of(write.status, "Stalled") == ("False", Reason.REMOTE_UNAVAILABLE)
    message = write.status.conditions[-1].message
    assert "Since 2026-" in message
    assert "503 Service Unavailable" in message
    assert [event.warning for event in write.events] == [True]


def test_the_first_words_stay_so_that_a_long_outage_is_one_write() -> None:
    first = written(policies.decide(read_failed(), AWAY))
    again = a_snapshot(status=first.dump(), monotonic=MONOTONIC + 60)
    other = Unanswered(errors.Unavailable("connection refused", retry_after=30.0))
    write = policies.decide(again, other)
    assert write == PatchStatus(first, (), 30.0, retry=True)


def test_an_answer_ends_it() -> None:
    status = written(policies.decide(read_failed(), AWAY))
    answered = written(policies.decide(a_snapshot(status=status.dump()), seen("RUNNING")))
    assert reason_of(answered, "Stalled") is None


@pytest.mark.parametrize(
    "spec", [{"shutdown": "Cancel"}, {"suspend": True}, {"activeDeadlineSeconds": 1}]
)
def test_what_the_spec_asks_for_does_not_wait_for_a_read(spec: dict[str, Any]) -> None:
    started = {"startTime": "2020-01-01T00:00:00Z"}
    marked = policies.decide(read_failed(spec=spec, status=started), AWAY)
    assert written(marked).state == "Cancelling"
    snapshot = read_failed(spec=spec, status=written(marked).dump())
    assert isinstance(policies.decide(snapshot, AWAY), Cancel)
    snapshot.facts.note_cancel(snapshot.status.batch_name or "", MONOTONIC)
    waits = policies.decide(snapshot, AWAY)
    assert reason_of(written(waits), "Stalled") == ("False", Reason.REMOTE_UNAVAILABLE)


@pytest.mark.parametrize("reason", ["AmbiguousSubmission", "KeyChanged", "RemoteStuck"])
def test_what_only_a_person_can_end_is_not_hidden(reason: str) -> None:
    stalled = [a_condition("Stalled", "True", reason)]
    write = policies.decide(read_failed(status={"conditions": stalled}), AWAY)
    assert reason_of(written(write), "Stalled") == ("True", reason)


def test_lists_that_fail_are_shown_while_a_batch_is_searched_and_until_one_works() -> None:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.failed_calls, snapshot.facts.unlisted = (
        unavailable.ENOUGH,
        errors.Unavailable("503"),
    )
    status = written(policies.decide(snapshot, None))
    assert reason_of(status, "Stalled") == ("False", Reason.REMOTE_UNAVAILABLE)
    told = a_snapshot(status=status.dump(), facts=snapshot.facts)
    assert isinstance(policies.decide(told, None), ListRemote), "it goes on searching"
    restarted = a_snapshot(status=status.dump())
    assert isinstance(policies.decide(restarted, None), ListRemote), "nothing has worked yet"
    told.facts.failed_calls, told.facts.unlisted = 0, None
    note(told, a_list_snapshot())
    assert reason_of(written(policies.decide(told, None)), "Stalled") is None


def test_a_job_that_waits_for_nobody_says_nothing_of_lists_that_fail() -> None:
    snapshot = read_failed()
    snapshot.facts.unlisted = errors.Unavailable("503")
    assert not isinstance(policies.decide(snapshot, None), PatchStatus)


def test_a_long_silence_is_enough() -> None:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.note_failed_call(seconds=9.0)
    assert snapshot.facts.failed_calls == 1
    quick = policies.unanswered(a_snapshot(status=submitted()), errors.Unavailable("503"), 0.1)
    assert reason_of(written(quick), "Stalled") is None
    slow = policies.unanswered(a_snapshot(status=submitted()), errors.Unavailable("late"), 30.0)
    assert reason_of(written(slow), "Stalled") == ("False", Reason.REMOTE_UNAVAILABLE)


def test_a_deletion_that_waits_for_lists_says_so_before_its_patience_ends() -> None:
    given_up = {**an_attempt(), "id": "e" * 16}
    snapshot = a_snapshot(status=submitted(supersededAttempts=[given_up]), deleting=True)
    snapshot.facts.deleting_since = MONOTONIC
    assert isinstance(policies.decide(snapshot, None), ListRemote)
    snapshot.facts.failed_calls, snapshot.facts.unlisted = (
        unavailable.ENOUGH,
        errors.Unavailable("503"),
    )
    status = written(policies.decide(snapshot, None))
    assert reason_of(status, "Stalled") == ("True", Reason.DELETION_BLOCKED)
    assert "503" in status.conditions[-1].message


def test_a_create_of_unknown_outcome_says_what_google_answered() -> None:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.unknown_create = "f" * 16, "503 Service Unavailable"
    assert isinstance(policies.decide(snapshot, None), ListRemote), "of an earlier attempt"
    attempt = snapshot.status.attempt
    assert attempt is not None
    snapshot.facts.unknown_create = attempt.id, "503 Service Unavailable"
    status = written(policies.decide(snapshot, None))
    [said] = [each for each in status.conditions if each.type == "Submitted"]
    assert "is not known" in said.message
    assert "503 Service Unavailable" in said.message
    told = a_snapshot(status=status.dump(), facts=snapshot.facts)
    assert isinstance(policies.decide(told, None), ListRemote)


def test_a_deletion_is_patient_anew_when_its_key_has_been_usable_meanwhile() -> None:
    missing = Reason.CREDENTIALS_MISSING, "gone"
    snapshot = a_snapshot(status=submitted(), deleting=True)
    assert isinstance(policies.without_credentials(snapshot, *missing), PatchStatus)
    later = a_snapshot(snapshot.job, facts=snapshot.facts, monotonic=MONOTONIC + 119)
    policies.unanswered(later, errors.Unavailable("503"))
    later = a_snapshot(snapshot.job, facts=snapshot.facts, monotonic=MONOTONIC + 130)
    assert isinstance(policies.without_credentials(later, *missing), PatchStatus)
    late = a_snapshot(snapshot.job, facts=snapshot.facts, monotonic=MONOTONIC + 250)
    assert isinstance(policies.without_credentials(late, *missing), RemoveFinalizer)


def throttled_read() -> Decision | None:
    return policies.decide(
        read_failed(), Unanswered(errors.Throttled("batches.get: 429", retry_after=7))
    )


def throttled_list() -> Decision | None:
    snapshot = a_snapshot(status=unnamed())
    snapshot.facts.failed_calls = unavailable.ENOUGH
    snapshot.facts.unlisted = errors.Throttled("batches.list: 429", retry_after=7)
    return policies.decide(snapshot, None)


@pytest.mark.parametrize(
    ("decision", "call", "seconds"),
    [(throttled_read, "batches.get", 7), (throttled_list, "batches.list", None)],
)
def test_p18_a_call_that_is_throttled_sends_nobody_to_the_firewall(
    decision: Callable[[], Decision | None], call: str, seconds: float | None
) -> None:
    write = decision()
    assert isinstance(write, PatchStatus)
    # A list says itself when the next one is due.
    assert write.seconds == seconds
    [event] = write.events
    assert event.note.startswith("Google throttles the requests of this API key.")
    assert f"{call}: 429" in event.note
    assert "firewall" not in event.note
