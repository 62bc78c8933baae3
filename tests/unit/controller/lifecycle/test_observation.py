from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import observation
from gemini_operator.controller.lifecycle.decisions import (
    Decision,
    Deliver,
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Gone, Remote, Snapshot, Unreadable
from gemini_operator.controller.memory import EVENT_REREADS, Facts
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
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    an_event,
    delivering,
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


def read(snapshot: Snapshot, remote: Remote) -> Decision | None:
    """A reconcile that reads the batch, as the reconciler does it."""
    assert observation.wanted(snapshot) is not None
    event = observation.pending_event(snapshot)
    if event is not None:
        snapshot.facts.note_event_read(event.id, snapshot.monotonic)
    snapshot.facts.missed_lists = 0
    return observation.decide(snapshot, remote)


def at(snapshot: Snapshot, monotonic: float, status: Mapping[str, Any] | None = None) -> Snapshot:
    """The same job later, with its facts."""
    return a_snapshot(
        status=snapshot.status.dump() | dict(status or {}),
        facts=snapshot.facts,
        monotonic=monotonic,
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
    assert observation.wanted(a_snapshot(**of_job)) == name


@pytest.mark.parametrize("kind", ["batch.succeeded", "batch.failed", "batch.odd", None])
def test_p17_whatever_the_event_says_it_only_causes_a_look(kind: str | None) -> None:
    """It may even name another batch."""
    event = an_event(type=kind, remoteName="batches/another")
    event = {name: value for name, value in event.items() if value is not None}
    assert observation.wanted(a_snapshot(status=submitted(lastEvent=event))) == BATCH


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
    snapshot = a_snapshot(status=submitted())
    note(snapshot, a_list_snapshot(current=current))
    assert observation.wanted(snapshot) == name


@pytest.mark.parametrize(
    ("state", "name"),
    [(SUCCEEDED, BATCH), ("JOB_STATE_FAILED", BATCH), (RUNNING, None), ("NEW_WORD", None)],
)
def test_p11_a_batch_that_had_ended_when_it_was_found_is_read_at_once(
    state: str, name: str | None
) -> None:
    """No event will come for it any more."""
    assert observation.wanted(a_snapshot(status=submitted(geminiState=state))) == name


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
    snapshot = a_snapshot(status=submitted())
    for there, complete in listings:
        note(snapshot, a_list_snapshot(current=a_batch() if there else None, complete=complete))
    assert observation.wanted(snapshot) == name


# A lost name


def test_p17_an_event_may_supply_a_lost_name() -> None:
    snapshot = a_snapshot(status=unnamed(**EVENT))
    assert observation.wanted(snapshot) == BATCH
    assert read(snapshot, seen()) == RecordBatchName(a_batch())


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
    assert observation.wanted(a_snapshot(status=unnamed(lastEvent=event))) is None


@pytest.mark.row(97)
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
    snapshot = a_snapshot(status=unnamed(**EVENT))
    assert read(snapshot, remote) is None, "it is searched for instead"


def test_p17_a_batch_that_is_not_ours_is_read_once() -> None:
    snapshot = a_snapshot(status=unnamed(**EVENT))
    snapshot.facts.not_ours |= {BATCH}
    assert observation.wanted(snapshot) is None


# A terminal event whose read is not terminal


def test_p18_it_is_read_again_after_2_10_and_60_seconds_then_consumed() -> None:
    snapshot, monotonic = a_snapshot(status=submitted(**EVENT)), MONOTONIC
    for seconds in EVENT_REREADS:
        assert read(snapshot, seen()) == RequeueAfter(seconds)
        early = at(snapshot, monotonic + seconds - 0.1, EVENT)
        assert observation.wanted(early) is None
        assert observation.decide(early, None) == RequeueAfter(pytest.approx(0.1))  # type: ignore[arg-type]
        monotonic += seconds
        snapshot = at(snapshot, monotonic, EVENT)
    status = written(read(snapshot, seen()))
    assert status.observed_event_id == "event-1"
    assert observation.wanted(at(snapshot, monotonic + 1000, status.dump() | EVENT)) is None


def test_p18_a_terminal_read_ends_the_job_whatever_the_count() -> None:
    snapshot = a_snapshot(status=submitted(**EVENT))
    read(snapshot, seen())
    later = at(snapshot, MONOTONIC + 2, EVENT)
    status = written(delivering(later, read(later, seen(SUCCEEDED))))
    assert status.completion_time == NOW
    assert status.observed_event_id == "event-1"


def test_p18_another_event_has_reads_of_its_own() -> None:
    snapshot = a_snapshot(status=submitted(**EVENT))
    read(snapshot, seen())
    second = at(snapshot, MONOTONIC + 1, {"lastEvent": an_event("event-2")})
    assert read(second, seen()) == RequeueAfter(2.0)


def test_p18_an_event_that_is_no_end_is_consumed_by_one_read() -> None:
    snapshot = a_snapshot(status=submitted(lastEvent=an_event(type="batch.progressed")))
    assert written(read(snapshot, seen())).observed_event_id == "event-1"


def test_p18_an_event_of_unknown_kind_counts_as_an_end() -> None:
    """In JWT mode the body is unsigned, so the kind is not recorded."""
    event = {name: value for name, value in an_event().items() if name != "type"}
    snapshot = a_snapshot(status=submitted(lastEvent=event))
    assert read(snapshot, seen()) == RequeueAfter(2.0)


@pytest.mark.row(97)
def test_p18_an_event_about_a_batch_that_is_not_the_jobs_is_consumed_by_one_read() -> None:
    """Somebody who knows the job's address had Google sign it: it costs the job no more."""
    snapshot = a_snapshot(status=submitted(lastEvent=an_event(remoteName="batches/somebody-elses")))
    assert written(read(snapshot, seen())).observed_event_id == "event-1"


def test_p18_progress_seen_on_the_way_is_written_with_the_next_look() -> None:
    snapshot = a_snapshot(status=submitted(**EVENT))
    decision = read(snapshot, seen(stats=(3, 1, 0, 2)))
    status = written(decision)
    assert status.observed_event_id is None
    again = a_snapshot(status=status.dump() | EVENT, facts=snapshot.facts)
    assert observation.decide(again, None) == RequeueAfter(2.0), (
        "the write does not hurry the next look"
    )


# What a look changes


def test_p20_a_sweep_writes_the_state_and_the_counts_when_they_changed() -> None:
    snapshot = a_snapshot(status=submitted(geminiState="BATCH_STATE_PENDING", state="Pending"))
    current = a_batch(stats=(3, 1, 0, 2))
    note(snapshot, a_list_snapshot(current=current))
    status = written(observation.decide(snapshot, None))
    assert (status.state, status.gemini_state) == ("Running", RUNNING)
    assert status.requests is not None
    assert status.requests.model_dump() == {"total": 3, "succeeded": 1, "failed": 0, "pending": 2}
    again = a_snapshot(status=status.dump(), facts=snapshot.facts)
    assert observation.decide(again, None) == RequeueAfter(None), (
        "an unchanged status is not written"
    )


def test_a_listing_does_not_undo_what_a_later_read_has_seen() -> None:
    snapshot = a_snapshot(status=submitted(**EVENT, geminiState="BATCH_STATE_PENDING"))
    note(snapshot, a_list_snapshot(current=a_batch(state="BATCH_STATE_PENDING")))
    remote = seen()
    decision = read(snapshot, remote)
    snapshot.facts.note_read(remote.summary)
    status = written(decision)
    assert status.gemini_state == RUNNING
    after = at(snapshot, MONOTONIC + 0.1, status.dump() | EVENT)
    assert isinstance(observation.decide(after, None), RequeueAfter)


def test_counts_that_google_leaves_out_once_stay() -> None:
    counts = {"total": 3, "succeeded": 1, "failed": 0, "pending": 2}
    snapshot = a_snapshot(status=submitted(requests=counts))
    note(snapshot, a_list_snapshot(current=a_batch()))
    assert observation.decide(snapshot, None) == RequeueAfter(None)


def test_a_word_that_nobody_knows_is_shown_and_changes_nothing_else() -> None:
    snapshot = a_snapshot(status=submitted())
    note(snapshot, a_list_snapshot(current=a_batch(state="BATCH_STATE_DREAMING")))
    status = written(observation.decide(snapshot, None))
    assert (status.state, status.gemini_state) == ("Running", "BATCH_STATE_DREAMING")
    assert status.completion_time is None


@pytest.mark.parametrize(
    "reason", ["CredentialsMissing", "CredentialsRejected", "KeyChanged", "Internal"]
)
def test_a_good_look_heals_what_was_wrong_with_the_key(reason: str) -> None:
    stalled = a_condition("Stalled", "True", reason)
    snapshot = a_snapshot(status=submitted(conditions=[stalled]))
    note(snapshot, a_list_snapshot(current=a_batch()))
    assert reason_of(written(observation.decide(snapshot, None)), "Stalled") is None


@pytest.mark.parametrize(
    ("age", "heals"),
    [
        pytest.param(0, True, id="begun after it"),
        pytest.param(58, True, id="just after it"),
        pytest.param(60, False, id="in the same second"),
        pytest.param(600, False, id="before it"),
    ],
)
def test_a_list_clears_only_a_stall_from_before_it_began(age: float, heals: bool) -> None:
    """An older one would take back what is said, again and again."""
    stalled = a_condition("Stalled", "True", "CredentialsMissing")
    snapshot = a_snapshot(status=submitted(conditions=[stalled]))
    note(snapshot, a_list_snapshot(current=a_batch(), begun=MONOTONIC - age))
    decision = observation.decide(snapshot, None)
    assert isinstance(decision, PatchStatus if heals else RequeueAfter)


def test_a_read_clears_a_stall_whatever_the_last_list_was() -> None:
    stalled = a_condition("Stalled", "True", "CredentialsMissing")
    snapshot = a_snapshot(status=submitted(**EVENT, conditions=[stalled]))
    note(snapshot, a_list_snapshot(current=a_batch(), begun=MONOTONIC - 600))
    decision = read(snapshot, seen())
    assert reason_of(written(decision), "Stalled") is None


def test_without_an_attempt_there_is_nothing_to_see() -> None:
    assert observation.decide(a_snapshot(status={}), seen()) is None


def test_a_waiting_job_costs_nothing() -> None:
    assert observation.decide(a_snapshot(status=submitted()), None) == RequeueAfter(None)


# What is read and is not what was expected


@pytest.mark.parametrize("remote", [seen(SUCCEEDED, uid=OTHER_UID), seen(attempt=None)])
def test_s07_a_batch_without_the_jobs_token_is_not_followed_nor_delivered(remote: Remote) -> None:
    """Somebody has forged status.batchName."""
    snapshot = a_snapshot(status=submitted(**EVENT))
    status = written(read(snapshot, remote))
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert status.completion_time is None


def test_p12_a_batch_of_a_superseded_attempt_is_the_jobs_own() -> None:
    """A person gave it to the current attempt."""
    status = submitted(supersededAttempts=[an_attempt(EARLIER)], **EVENT)
    snapshot = a_snapshot(status=status)
    decision = read(snapshot, seen(SUCCEEDED, attempt=EARLIER))
    assert written(delivering(snapshot, decision)).completion_time is not None


def test_p20_a_batch_that_is_gone_ends_the_job_and_is_never_submitted_again() -> None:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.missed_lists = 2
    decision = read(snapshot, Gone(same_key=True))
    status = written(decision)
    assert reason_of(status, "Failed") == ("True", Reason.REMOTE_NOT_FOUND)
    assert (status.state, status.completion_time) == ("Failed", NOW)
    assert status.attempt is not None
    assert status.failures == 0, "only FAILED and EXPIRED count (P15)"
    assert isinstance(decision, PatchStatus)
    assert BATCH in decision.events[0].note


def test_p20_with_another_key_gone_means_nothing() -> None:
    snapshot = a_snapshot(status=submitted())
    snapshot.facts.missed_lists = 2
    decision = read(snapshot, Gone(same_key=False))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.KEY_CHANGED)
    assert status.completion_time is None
    again = at(snapshot, MONOTONIC, status.dump())
    assert observation.decide(again, Gone(same_key=False)) == RequeueAfter(5.0), "and is said once"
    assert observation.wanted(again), "the key may be back"
    later = a_snapshot(status=status.dump(), now=NOW + timedelta(minutes=4))
    assert observation.decide(later, Gone(same_key=False)) == RequeueAfter(30.0)


def test_p10_a_key_that_google_refuses_stalls_the_job_and_is_tried_again() -> None:
    error = errors.CredentialsRejected("API key expired")
    decision = read(a_snapshot(status=submitted(**EVENT)), Unreadable(error))
    status = written(decision)
    assert reason_of(status, "Stalled") == ("True", Reason.CREDENTIALS_REJECTED)
    assert isinstance(decision, PatchStatus)
    assert decision.seconds == 60.0
    assert "API key expired" in decision.events[0].note


# Results that are too large to be read


TOO_LARGE = Unreadable(errors.TooLarge("too large"))


@pytest.mark.parametrize("current", [None, a_batch()], ids=["no listing", "it was running"])
def test_s22_a_batch_too_large_to_read_is_looked_for_in_a_listing(current: Any) -> None:
    snapshot = a_snapshot(status=submitted(**EVENT))
    snapshot.facts.list_snapshot = a_list_snapshot(current=current) if current else None
    assert read(snapshot, TOO_LARGE) == ListRemote(0.0)
    snapshot.facts.note_listed(MONOTONIC)
    later = at(snapshot, MONOTONIC + 10, EVENT)
    assert observation.decide(later, TOO_LARGE) == ListRemote(20.0), "but not all the time"


@pytest.mark.parametrize("output", [None, TO_CONFIG_MAP], ids=["stays at Google", "ConfigMap"])
def test_s22_its_end_is_the_one_that_the_listing_tells(output: Any) -> None:
    snapshot = a_snapshot(spec={"output": output} if output else {}, status=submitted())
    current = a_batch(state=SUCCEEDED, stats=(2, 2, 0, 0))
    note(snapshot, a_list_snapshot(current=current))
    decision = read(snapshot, TOO_LARGE)
    if output:
        assert isinstance(decision, Deliver)
        assert decision.observation.summary == current
    else:
        status = written(delivering(snapshot, decision))
        assert reason_of(status, "Complete") == ("True", Reason.SUCCEEDED)
        assert status.output is not None
        assert status.output.batch_name == BATCH


def test_facts_of_another_event_do_not_delay_this_one() -> None:
    facts = Facts(UID)
    facts.note_event_read("event-0", MONOTONIC)
    assert observation.wanted(a_snapshot(status=submitted(**EVENT), facts=facts)) == BATCH


def test_results_that_are_too_large_to_be_read_are_told_from_none() -> None:
    ended = a_batch(state="BATCH_STATE_SUCCEEDED")
    facts = Facts(UID, list_snapshot=a_list_snapshot(current=ended), listed=MONOTONIC)
    snapshot = a_snapshot(spec={"output": TO_CONFIG_MAP}, status=submitted(), facts=facts)
    decision = observation.decide(snapshot, Unreadable(errors.TooLarge("too large")))
    assert isinstance(decision, Deliver)
    assert decision.observation.too_large
