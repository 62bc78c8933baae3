from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.facts import EVENT_REREADS, Facts
from gemini_operator.controller.lifecycle import observation
from gemini_operator.controller.lifecycle.view import (
    Decision,
    Deliver,
    Gone,
    Name,
    Remote,
    Search,
    Unreadable,
    View,
    Wait,
    Write,
)
from gemini_operator.gemini import errors
from tests.unit.controller.builders import (
    BATCH,
    EARLIER,
    MONOTONIC,
    NOW,
    OTHER_UID,
    TO_CONFIG_MAP,
    UID,
    a_batch,
    a_condition,
    a_snapshot,
    a_view,
    an_attempt,
    an_event,
    finished,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
    written,
)

EVENT = {"lastEvent": an_event()}
RUNNING, SUCCEEDED = "BATCH_STATE_RUNNING", "BATCH_STATE_SUCCEEDED"


def read(view: View, remote: Remote) -> Decision | None:
    """A pass that reads the batch, as the reconciler does it."""
    assert observation.wanted(view) is not None
    event = observation.pending_event(view)
    if event is not None:
        view.facts.note_event_read(event.id, view.monotonic)
    view.facts.missed_lists = 0
    return observation.decide(view, remote)


def at(view: View, monotonic: float, status: Mapping[str, Any] | None = None) -> View:
    """The same job later, with its facts."""
    return a_view(
        status=view.status.dump() | dict(status or {}), facts=view.facts, monotonic=monotonic
    )


# When to read


@pytest.mark.parametrize(
    ("of_job", "name"),
    [
        pytest.param({"status": submitted()}, None, id="nothing new"),
        pytest.param({"status": submitted(**EVENT)}, BATCH, id="an event"),
        pytest.param(
            {"status": submitted(**EVENT, observedEventID="event-1")}, None, id="an event acted on"
        ),
        pytest.param(
            {"status": submitted(**EVENT, observedEventID="event-0")}, BATCH, id="another event"
        ),
        pytest.param({"status": {}}, None, id="no attempt"),
        pytest.param({"status": finished(**EVENT)}, None, id="finished"),
        pytest.param({"status": submitted(**EVENT), "deleting": True}, None, id="deleted"),
    ],
)
def test_p17_an_event_not_acted_on_causes_a_read_of_an_unfinished_jobs_batch(
    of_job: dict[str, Any], name: str | None
) -> None:
    assert observation.wanted(a_view(**of_job)) == name


@pytest.mark.parametrize("kind", ["batch.succeeded", "batch.failed", "batch.odd", None])
def test_p17_whatever_the_event_says_it_only_causes_a_look(kind: str | None) -> None:
    """It may even name another batch."""
    event = an_event(type=kind, remoteName="batches/another")
    event = {name: value for name, value in event.items() if value is not None}
    assert observation.wanted(a_view(status=submitted(lastEvent=event))) == BATCH


@pytest.mark.parametrize(
    ("current", "name"),
    [
        pytest.param(a_batch(state=SUCCEEDED), BATCH, id="ended"),
        pytest.param(a_batch(state="BATCH_STATE_FAILED"), BATCH, id="failed"),
        pytest.param(a_batch(), None, id="running"),
        pytest.param(a_batch(state="SOMETHING_NEW"), None, id="a word nobody knows"),
        pytest.param(None, None, id="missing once"),
    ],
)
def test_p20_a_sweep_that_shows_the_end_causes_a_read(current: Any, name: str | None) -> None:
    view = a_view(status=submitted())
    note(view, a_snapshot(current=current))
    assert observation.wanted(view) == name


@pytest.mark.parametrize(
    ("state", "name"),
    [(SUCCEEDED, BATCH), ("JOB_STATE_FAILED", BATCH), (RUNNING, None), ("NEW_WORD", None)],
)
def test_p11_a_batch_that_had_ended_when_it_was_found_is_read_at_once(
    state: str, name: str | None
) -> None:
    """No event will come for it any more."""
    assert observation.wanted(a_view(status=submitted(geminiState=state))) == name


@pytest.mark.parametrize(
    ("listings", "name"),
    [
        pytest.param([(False, True), (False, True)], BATCH, id="missing from two complete ones"),
        pytest.param([(False, True)], None, id="missing from one"),
        pytest.param([(False, False), (False, False)], None, id="missing from incomplete ones"),
        pytest.param([(False, True), (True, True), (False, True)], None, id="seen between"),
        pytest.param(
            [(False, True), (False, False), (False, True)], BATCH, id="an incomplete one between"
        ),
    ],
)
def test_p20_a_batch_missing_from_two_complete_sweeps_is_read(
    listings: list[tuple[bool, bool]], name: str | None
) -> None:
    view = a_view(status=submitted())
    for there, complete in listings:
        note(view, a_snapshot(current=a_batch() if there else None, complete=complete))
    assert observation.wanted(view) == name


# A lost name


def test_p17_an_event_may_supply_a_lost_name() -> None:
    view = a_view(status=unnamed(**EVENT))
    assert observation.wanted(view) == BATCH
    assert read(view, seen()) == Name(a_batch())


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(an_event(attempt=EARLIER), id="of another attempt"),
        pytest.param(an_event(remoteName="batches/../files/x"), id="no name of a batch"),
        pytest.param(an_event(remoteName="files/x"), id="a file"),
        pytest.param(
            {k: v for k, v in an_event().items() if k != "remoteName"}, id="names nothing"
        ),
    ],
)
def test_p17_an_event_that_names_no_batch_of_the_attempt_supplies_none(
    event: dict[str, Any],
) -> None:
    assert observation.wanted(a_view(status=unnamed(lastEvent=event))) is None


@pytest.mark.parametrize(
    "remote",
    [
        pytest.param(seen(uid=OTHER_UID), id="another object's"),
        pytest.param(seen(attempt=EARLIER), id="another attempt's"),
        pytest.param(seen(attempt=None), id="somebody's"),
        pytest.param(seen(model="models/other"), id="another model"),
        pytest.param(seen(created=NOW - timedelta(hours=1)), id="older than the attempt"),
        pytest.param(Gone(same_key=True), id="not there"),
        pytest.param(Unreadable(errors.TooLarge("too large")), id="unreadable"),
    ],
)
def test_s06_a_name_from_an_event_must_be_confirmed_by_the_batch_itself(remote: Remote) -> None:
    view = a_view(status=unnamed(**EVENT))
    assert read(view, remote) is None, "it is searched for instead"


def test_p17_a_batch_that_is_not_ours_is_read_once() -> None:
    view = a_view(status=unnamed(**EVENT))
    view.facts.not_ours |= {BATCH}
    assert observation.wanted(view) is None


# A terminal event whose read is not terminal


def test_p18_it_is_read_again_after_2_10_and_60_seconds_then_consumed() -> None:
    view, monotonic = a_view(status=submitted(**EVENT)), MONOTONIC
    for seconds in EVENT_REREADS:
        assert read(view, seen()) == Wait(seconds)
        early = at(view, monotonic + seconds - 0.1, EVENT)
        assert observation.wanted(early) is None
        assert observation.decide(early, None) == Wait(pytest.approx(0.1))  # type: ignore[arg-type]
        monotonic += seconds
        view = at(view, monotonic, EVENT)
    status = written(read(view, seen()))
    assert status.observed_event_id == "event-1"
    assert observation.wanted(at(view, monotonic + 1000, status.dump() | EVENT)) is None


def test_p18_a_terminal_read_ends_the_job_whatever_the_count() -> None:
    view = a_view(status=submitted(**EVENT))
    read(view, seen())
    later = at(view, MONOTONIC + 2, EVENT)
    status = written(read(later, seen(SUCCEEDED)))
    assert status.completion_time == NOW
    assert status.observed_event_id == "event-1"


def test_p18_another_event_has_reads_of_its_own() -> None:
    view = a_view(status=submitted(**EVENT))
    read(view, seen())
    second = at(view, MONOTONIC + 1, {"lastEvent": an_event("event-2")})
    assert read(second, seen()) == Wait(2.0)


def test_p18_an_event_that_is_no_end_is_consumed_by_one_read() -> None:
    view = a_view(status=submitted(lastEvent=an_event(type="batch.progressed")))
    assert written(read(view, seen())).observed_event_id == "event-1"


def test_p18_an_event_of_unknown_kind_counts_as_an_end() -> None:
    """In JWT mode the body is unsigned, so the kind is not recorded."""
    event = {name: value for name, value in an_event().items() if name != "type"}
    view = a_view(status=submitted(lastEvent=event))
    assert read(view, seen()) == Wait(2.0)


def test_p18_an_event_about_a_batch_that_is_not_the_jobs_is_consumed_by_one_read() -> None:
    """Somebody who knows the job's address had Google sign it: it costs the job no more."""
    view = a_view(status=submitted(lastEvent=an_event(remoteName="batches/somebody-elses")))
    assert written(read(view, seen())).observed_event_id == "event-1"


def test_p18_progress_seen_on_the_way_is_written_with_the_next_look() -> None:
    view = a_view(status=submitted(**EVENT))
    decision = read(view, seen(stats=(3, 1, 0, 2)))
    status = written(decision)
    assert status.observed_event_id is None
    again = a_view(status=status.dump() | EVENT, facts=view.facts)
    assert observation.decide(again, None) == Wait(2.0), "the write does not hurry the next look"


# What a look changes


def test_p20_a_sweep_writes_the_state_and_the_counts_when_they_changed() -> None:
    view = a_view(status=submitted(geminiState="BATCH_STATE_PENDING", state="Pending"))
    current = a_batch(stats=(3, 1, 0, 2))
    note(view, a_snapshot(current=current))
    status = written(observation.decide(view, None))
    assert (status.state, status.gemini_state) == ("Running", RUNNING)
    assert status.requests is not None
    assert status.requests.model_dump() == {"total": 3, "succeeded": 1, "failed": 0, "pending": 2}
    again = a_view(status=status.dump(), facts=view.facts)
    assert observation.decide(again, None) == Wait(None), "an unchanged status is not written"


def test_a_listing_does_not_undo_what_a_later_read_has_seen() -> None:
    view = a_view(status=submitted(**EVENT, geminiState="BATCH_STATE_PENDING"))
    note(view, a_snapshot(current=a_batch(state="BATCH_STATE_PENDING")))
    remote = seen()
    decision = read(view, remote)
    view.facts.note_read(remote.summary)
    status = written(decision)
    assert status.gemini_state == RUNNING
    after = at(view, MONOTONIC + 0.1, status.dump() | EVENT)
    assert isinstance(observation.decide(after, None), Wait)


def test_counts_that_google_leaves_out_once_stay() -> None:
    counts = {"total": 3, "succeeded": 1, "failed": 0, "pending": 2}
    view = a_view(status=submitted(requests=counts))
    note(view, a_snapshot(current=a_batch()))
    assert observation.decide(view, None) == Wait(None)


def test_a_word_that_nobody_knows_is_shown_and_changes_nothing_else() -> None:
    view = a_view(status=submitted())
    note(view, a_snapshot(current=a_batch(state="BATCH_STATE_DREAMING")))
    status = written(observation.decide(view, None))
    assert (status.state, status.gemini_state) == ("Running", "BATCH_STATE_DREAMING")
    assert status.completion_time is None


@pytest.mark.parametrize(
    "reason", ["CredentialsMissing", "CredentialsRejected", "KeyChanged", "Internal"]
)
def test_a_good_look_heals_what_was_wrong_with_the_key(reason: str) -> None:
    stalled = a_condition("Stalled", "True", reason)
    view = a_view(status=submitted(conditions=[stalled]))
    note(view, a_snapshot(current=a_batch()))
    assert reason_of(written(observation.decide(view, None)), "Stalled") is None


@pytest.mark.parametrize(
    ("age", "heals"),
    [
        pytest.param(0, True, id="begun after it"),
        pytest.param(58, True, id="just after it"),
        pytest.param(60, False, id="in the same second"),
        pytest.param(600, False, id="before it"),
    ],
)
def test_a_listing_heals_only_what_went_wrong_before_it_began(age: float, heals: bool) -> None:
    """An older one would take back what is said, again and again."""
    stalled = a_condition("Stalled", "True", "CredentialsMissing")
    view = a_view(status=submitted(conditions=[stalled]))
    note(view, a_snapshot(current=a_batch(), begun=MONOTONIC - age))
    decision = observation.decide(view, None)
    assert isinstance(decision, Write if heals else Wait)


def test_a_read_heals_whatever_the_last_listing_was() -> None:
    stalled = a_condition("Stalled", "True", "CredentialsMissing")
    view = a_view(status=submitted(**EVENT, conditions=[stalled]))
    note(view, a_snapshot(current=a_batch(), begun=MONOTONIC - 600))
    decision = read(view, seen())
    assert reason_of(written(decision), "Stalled") is None


def test_without_an_attempt_there_is_nothing_to_see() -> None:
    assert observation.decide(a_view(status={}), seen()) is None


def test_a_waiting_job_costs_nothing() -> None:
    assert observation.decide(a_view(status=submitted()), None) == Wait(None)


# What is read and is not what was expected


@pytest.mark.parametrize("remote", [seen(SUCCEEDED, uid=OTHER_UID), seen(attempt=None)])
def test_s07_a_batch_without_the_jobs_token_is_not_followed_nor_delivered(remote: Remote) -> None:
    """Somebody has forged status.batchName."""
    view = a_view(status=submitted(**EVENT))
    status = written(read(view, remote))
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert status.completion_time is None


def test_p12_a_batch_of_a_superseded_attempt_is_the_jobs_own() -> None:
    """A person gave it to the current attempt."""
    status = submitted(supersededAttempts=[an_attempt(EARLIER)], **EVENT)
    decision = read(a_view(status=status), seen(SUCCEEDED, attempt=EARLIER))
    assert written(decision).completion_time is not None


def test_p20_a_batch_that_is_gone_ends_the_job_and_is_never_submitted_again() -> None:
    view = a_view(status=submitted())
    view.facts.missed_lists = 2
    decision = read(view, Gone(same_key=True))
    status = written(decision)
    assert reason_of(status, "Failed") == ("True", Reason.REMOTE_NOT_FOUND)
    assert (status.state, status.completion_time) == ("Failed", NOW)
    assert status.attempt is not None
    assert status.failures == 0, "only FAILED and EXPIRED count (P15)"
    assert isinstance(decision, Write)
    assert BATCH in decision.events[0].note


def test_p20_with_another_key_gone_means_nothing() -> None:
    view = a_view(status=submitted())
    view.facts.missed_lists = 2
    decision = read(view, Gone(same_key=False))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.KEY_CHANGED)
    assert status.completion_time is None
    again = at(view, MONOTONIC, status.dump())
    assert observation.decide(again, Gone(same_key=False)) == Wait(), "and is said once"


def test_p10_a_key_that_google_refuses_stalls_the_job_and_is_tried_again() -> None:
    error = errors.CredentialsRejected("API key expired")
    decision = read(a_view(status=submitted(**EVENT)), Unreadable(error))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert isinstance(decision, Write)
    assert decision.seconds == 60.0
    assert "API key expired" in decision.events[0].note


# Results that are too large to be read


TOO_LARGE = Unreadable(errors.TooLarge("too large"))


@pytest.mark.parametrize("current", [None, a_batch()], ids=["no listing", "it was running"])
def test_s22_a_batch_too_large_to_read_is_looked_for_in_a_listing(current: Any) -> None:
    view = a_view(status=submitted(**EVENT))
    view.facts.snapshot = a_snapshot(current=current) if current else None
    assert read(view, TOO_LARGE) == Search(0.0)
    view.facts.note_listed(MONOTONIC)
    later = at(view, MONOTONIC + 10, EVENT)
    assert observation.decide(later, TOO_LARGE) == Search(20.0), "but not all the time"


@pytest.mark.parametrize("output", [None, TO_CONFIG_MAP], ids=["stays at Google", "ConfigMap"])
def test_s22_its_end_is_the_one_that_the_listing_tells(output: Any) -> None:
    view = a_view(spec={"output": output} if output else {}, status=submitted())
    current = a_batch(state=SUCCEEDED, stats=(2, 2, 0, 0))
    note(view, a_snapshot(current=current))
    decision = read(view, TOO_LARGE)
    if output:
        assert isinstance(decision, Deliver)
        assert decision.observation.summary == current
    else:
        status = written(decision)
        assert reason_of(status, "Complete") == ("True", Reason.SUCCEEDED)
        assert status.output is not None
        assert status.output.batch_name == BATCH


def test_facts_of_another_event_do_not_delay_this_one() -> None:
    facts = Facts(UID)
    facts.note_event_read("event-0", MONOTONIC)
    assert observation.wanted(a_view(status=submitted(**EVENT), facts=facts)) == BATCH


def test_results_that_are_too_large_to_be_read_are_told_from_none() -> None:
    ended = a_batch(state="BATCH_STATE_SUCCEEDED")
    facts = Facts(UID, snapshot=a_snapshot(current=ended), listed=MONOTONIC)
    view = a_view(spec={"output": TO_CONFIG_MAP}, status=submitted(), facts=facts)
    decision = observation.decide(view, Unreadable(errors.TooLarge("too large")))
    assert isinstance(decision, Deliver)
    assert decision.observation.too_large
