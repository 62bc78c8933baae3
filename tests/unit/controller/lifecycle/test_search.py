from datetime import timedelta

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import search
from gemini_operator.controller.lifecycle.attempts import supersede
from gemini_operator.controller.lifecycle.decisions import (
    ListRemote,
    PatchStatus,
    RecordBatchName,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import CUT_OFF, Facts
from tests.unit.controller.builders import (
    ATTEMPT,
    MODEL,
    MONOTONIC,
    NOW,
    RULES,
    a_batch,
    a_list_snapshot,
    a_snapshot,
    an_attempt,
    note,
    reason_of,
    submitted,
    unnamed,
    written,
)

GRACE_ENDS = MONOTONIC + RULES.create_timeout + RULES.submit_grace + CUT_OFF
BEFORE, AFTER = GRACE_ENDS - 1, GRACE_ENDS


def searched(*listings: tuple[bool, float], snapshot: Snapshot | None = None) -> Snapshot:
    """A view of an unnamed job after listings (complete?, begun at) that showed nothing."""
    snapshot = snapshot or a_snapshot(status=unnamed())
    for complete, begun in listings:
        note(snapshot, a_list_snapshot(complete=complete, begun=begun))
    return snapshot


def showing(*batches: object, complete: bool = True, **status: object) -> Snapshot:
    """A view of an unnamed job after one listing with these batches."""
    snapshot = a_snapshot(status=unnamed(**status))
    note(snapshot, a_list_snapshot(*batches, complete=complete))  # type: ignore[arg-type]
    return snapshot


def superseded(*ids: str) -> list[dict[str, object]]:
    return [an_attempt(an_id, number) for number, an_id in enumerate(ids, start=1)]


def test_p11_an_unknown_outcome_is_searched_for_at_once() -> None:
    assert search.decide(a_snapshot(status=unnamed())) == ListRemote(0.0)


def test_p11_while_a_listing_is_under_way_no_other_is_asked_for() -> None:
    snapshot = a_snapshot(status=unnamed())
    assert snapshot.facts.search is not None
    snapshot.facts.search.under_way = True
    assert search.decide(snapshot) == RequeueAfter()


def test_p11_the_next_listing_waits_for_its_time() -> None:
    assert search.decide(searched((True, MONOTONIC))) == ListRemote(1.0)


def test_p11_one_match_is_adopted() -> None:
    batch = a_batch()
    assert search.decide(showing(batch)) == RecordBatchName(batch)


def test_p11_a_match_is_a_match_in_an_incomplete_listing_too() -> None:
    batch = a_batch()
    assert search.decide(showing(batch, complete=False)) == RecordBatchName(batch)


@pytest.mark.parametrize(
    ("listings", "nowhere"),
    [
        pytest.param([(True, BEFORE), (True, AFTER)], True, id="the second after the grace"),
        pytest.param([(True, AFTER), (True, AFTER + 1)], True, id="both after the grace"),
        pytest.param(
            [(True, BEFORE), (False, BEFORE), (True, AFTER)], True, id="an incomplete one between"
        ),
        pytest.param([(True, AFTER)], False, id="one is not two"),
        pytest.param([(True, BEFORE - 1), (True, BEFORE)], False, id="both before the grace ends"),
        pytest.param([(True, BEFORE), (False, AFTER)], False, id="incomplete after the grace"),
        pytest.param(
            [(True, MONOTONIC - 1), (True, AFTER)], False, id="one was begun before the search"
        ),
        pytest.param([(False, AFTER), (False, AFTER)], False, id="none complete"),
    ],
)
def test_p11_two_complete_listings_the_second_after_the_grace_mean_nowhere(
    listings: list[tuple[bool, float]], nowhere: bool
) -> None:
    decision = search.decide(searched(*listings))
    assert isinstance(decision, PatchStatus if nowhere else ListRemote)


@pytest.mark.parametrize(
    ("age", "ends"),
    [
        pytest.param(0.0, MONOTONIC + 25 + 60 + CUT_OFF, id="just written ahead"),
        pytest.param(10.0, MONOTONIC + 15 + 60 + CUT_OFF, id="the create may still be on its way"),
        pytest.param(25.0, MONOTONIC + 60 + CUT_OFF, id="the create has timed out now"),
        pytest.param(3600.0, MONOTONIC + 60, id="found long after, by another process"),
    ],
)
def test_p11_the_grace_runs_from_the_later_of_timeout_and_first_sight(
    age: float, ends: float
) -> None:
    now = NOW + timedelta(seconds=age)
    early = searched(
        (True, MONOTONIC), (True, ends - 0.1), snapshot=a_snapshot(status=unnamed(), now=now)
    )
    late = searched((True, MONOTONIC), (True, ends), snapshot=a_snapshot(status=unnamed(), now=now))
    assert isinstance(search.decide(early), ListRemote)
    assert isinstance(search.decide(late), PatchStatus)


def test_p11_a_clock_set_back_does_not_shorten_the_grace() -> None:
    """Seen by a process whose calendar is an hour behind the writer's."""
    snapshot = a_snapshot(status=unnamed(), now=NOW - timedelta(hours=1))
    assert isinstance(
        search.decide(searched((True, BEFORE), (True, AFTER), snapshot=snapshot)), ListRemote
    )


def test_p11_an_attempt_found_nowhere_is_superseded_and_a_new_one_may_start() -> None:
    snapshot = searched((True, BEFORE), (True, AFTER))
    status = written(search.decide(snapshot))
    assert status.attempt is None
    assert [a.id for a in status.superseded_attempts] == [ATTEMPT]
    assert status.superseded_attempts[0].reason is None
    assert status.superseded_attempts[0].api_key_fingerprint == "f" * 16
    assert (status.batch_name, status.gemini_state, status.requests) == (None, None, None)
    assert status.start_time == NOW, "the job began with its first attempt"


def test_p11_three_incomplete_listings_in_a_row_are_ambiguous() -> None:
    two = searched((False, AFTER), (False, AFTER))
    assert isinstance(search.decide(two), ListRemote)
    note(two, a_list_snapshot(complete=False))
    status = written(search.decide(two))
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert status.attempt is not None


def test_p11_a_complete_listing_between_begins_the_count_of_incomplete_ones_anew() -> None:
    snapshot = searched((False, BEFORE), (False, BEFORE), (True, BEFORE), (False, BEFORE))
    assert isinstance(search.decide(snapshot), ListRemote)


@pytest.mark.parametrize(
    "listings", [[(True, AFTER)] * 2, [(False, AFTER)] * 3, [(True, BEFORE)] * 2]
)
def test_p11_a_match_counts_more_than_listings_without_one(
    listings: list[tuple[bool, float]],
) -> None:
    snapshot = searched(*listings)
    note(snapshot, a_list_snapshot(a_batch(), begun=AFTER))
    assert search.decide(snapshot) == RecordBatchName(a_batch())


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(a_batch(model="models/gemini-2.5-pro"), id="another model"),
        pytest.param(a_batch(model=""), id="no model"),
        pytest.param(a_batch(model=f"tunedModels/{MODEL}"), id="another collection"),
        pytest.param(a_batch(created=NOW - timedelta(minutes=10, seconds=1)), id="older"),
        pytest.param(a_batch(created=None), id="no time"),
    ],
)
def test_p11_a_token_on_a_batch_that_does_not_fit_is_ambiguous_never_none(batch: object) -> None:
    """Also long after the grace, when it would otherwise be sent again."""
    snapshot = searched((True, AFTER), (True, AFTER))
    note(snapshot, a_list_snapshot(batch, begun=AFTER))  # type: ignore[arg-type]
    decision = search.decide(snapshot)
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert decision.status.attempt is not None
    assert "batches/one" in decision.events[0].note


@pytest.mark.parametrize(
    "created",
    [NOW - timedelta(minutes=10), NOW - timedelta(minutes=1), NOW, NOW + timedelta(days=1)],
)
def test_p11_a_create_time_up_to_ten_minutes_before_the_attempt_fits(created: object) -> None:
    batch = a_batch(created=created)
    assert search.decide(showing(batch)) == RecordBatchName(batch)


# Lists with another API key


def with_other_key(*begun: float, snapshot: Snapshot | None = None) -> Snapshot:
    """A view of an unnamed job after complete listings with another key that showed nothing."""
    snapshot = snapshot or a_snapshot(status=unnamed())
    for moment in begun:
        note(snapshot, a_list_snapshot(begun=moment, other_key=[ATTEMPT]))
    return snapshot


def test_s11_lists_with_another_key_never_mean_nowhere_and_somebody_has_to_act() -> None:
    decision = search.decide(with_other_key(BEFORE, AFTER, AFTER + 1))
    assert isinstance(decision, PatchStatus)
    status, (event,) = decision.status, decision.events
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert status.attempt is not None
    assert status.superseded_attempts == ()
    for part in ("no longer holds the API key", f"attempt {ATTEMPT}", "Restore that key"):
        assert part in event.note


def test_s11_until_the_grace_ends_another_key_may_show_the_batch() -> None:
    assert isinstance(search.decide(with_other_key(BEFORE - 1, BEFORE)), ListRemote)
    snapshot = with_other_key(BEFORE)
    note(snapshot, a_list_snapshot(a_batch(), begun=AFTER, other_key=[ATTEMPT]))
    assert search.decide(snapshot) == RecordBatchName(a_batch())


def test_s11_it_is_said_once() -> None:
    first = with_other_key(AFTER)
    again = a_snapshot(status=written(search.decide(first)).dump(), facts=first.facts)
    assert search.decide(with_other_key(AFTER + 1, snapshot=again)) == RequeueAfter()


def test_s11_once_the_key_is_back_two_lists_settle_it() -> None:
    facts = with_other_key(BEFORE, AFTER).facts
    status = written(search.decide(with_other_key(AFTER))).dump()
    snapshot = searched((True, AFTER + 1), snapshot=a_snapshot(status=status, facts=facts))
    assert isinstance(search.decide(snapshot), ListRemote), "one is not two"
    after = written(search.decide(searched((True, AFTER + 2), snapshot=snapshot)))
    assert after.attempt is None
    assert reason_of(after, "Stalled") is None


def test_s11_a_list_with_its_own_key_before_and_one_with_another_after_prove_nothing() -> None:
    decision = search.decide(with_other_key(AFTER, snapshot=searched((True, BEFORE))))
    assert reason_of(written(decision), "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)


@pytest.mark.parametrize("asked", [MODEL, f"models/{MODEL}"])
def test_p11_models_are_compared_in_googles_spelling(asked: str) -> None:
    snapshot = a_snapshot(spec={"model": asked}, status=unnamed())
    note(snapshot, a_list_snapshot(a_batch(model=f"models/{MODEL}")))
    assert isinstance(search.decide(snapshot), RecordBatchName)


def test_p13_several_batches_of_one_attempt_are_ambiguous() -> None:
    decision = search.decide(showing(a_batch("batches/two"), a_batch("batches/one")))
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert decision.events[0].warning
    assert "batches/one, batches/two" in decision.events[0].note


def test_p13_an_attempt_that_vanishes_after_three_others_is_ambiguous() -> None:
    status = unnamed(supersededAttempts=superseded("1" * 16, "2" * 16, "3" * 16))
    snapshot = searched((True, BEFORE), (True, AFTER), snapshot=a_snapshot(status=status))
    after = written(search.decide(snapshot))
    assert reason_of(after, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)
    assert after.attempt is not None
    assert len(after.superseded_attempts) == 3


def test_p13_an_ambiguous_submission_is_said_once() -> None:
    first = showing(a_batch("batches/one"), a_batch("batches/two"))
    status = written(search.decide(first)).dump()
    again = a_snapshot(status=status, facts=first.facts)
    assert search.decide(again) == RequeueAfter()


def test_p13_ambiguity_ends_by_itself_when_a_later_listing_is_clear() -> None:
    status = written(search.decide(searched(*[(False, BEFORE)] * 3))).dump()
    snapshot = a_snapshot(status=status)
    note(snapshot, a_list_snapshot(a_batch()))
    assert search.decide(snapshot) == RecordBatchName(a_batch())


@pytest.mark.parametrize("before", range(9))
def test_p12_no_superseded_attempt_is_forgotten_while_the_schema_has_room(before: int) -> None:
    ids = [f"{number:016x}" for number in range(before)]
    snapshot = a_snapshot(status=unnamed(supersededAttempts=superseded(*ids)))
    assert snapshot.status.attempt is not None
    status = written(supersede(snapshot, snapshot.status.attempt))
    assert [a.id for a in status.superseded_attempts] == [*ids, ATTEMPT][-8:]


@pytest.mark.parametrize("status", [{}, submitted()], ids=["no attempt", "a named attempt"])
def test_a_job_with_nothing_unknown_is_not_searched_for(status: dict[str, object]) -> None:
    assert search.decide(a_snapshot(status=status)) is None


def test_p11_the_grace_begins_anew_with_each_attempt() -> None:
    facts = Facts("uid")
    first = a_snapshot(status=unnamed(), facts=facts)
    searched((True, BEFORE), snapshot=first)
    second = a_snapshot(status=unnamed(attempt=an_attempt("b" * 16)), facts=facts, monotonic=AFTER)
    assert search.decide(searched((True, AFTER), snapshot=second)) == ListRemote(1.0)
