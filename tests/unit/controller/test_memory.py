from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.memory import (
    CUT_OFF,
    EVENT_REREADS,
    SEARCH_DELAYS,
    Facts,
    Memory,
    Search,
)
from tests.unit.controller.builders import (
    ATTEMPT,
    EARLIER,
    MONOTONIC,
    NOW,
    OTHER_UID,
    UID,
    a_batch,
    a_job,
    a_list_snapshot,
    unnamed,
)

TIMEOUT, GRACE = 25.0, 60.0


def begun(facts: Facts, *, age: float = 0.0, monotonic: float = MONOTONIC) -> Search:
    """The search for an attempt that was written `age` seconds before now."""
    attempt = a_job(status=unnamed()).status.attempt
    assert attempt is not None
    now = NOW + timedelta(seconds=age)
    return facts.begin_search(attempt, now=now, monotonic=monotonic, timeout=TIMEOUT, grace=GRACE)


# The grace


@given(age=st.floats(-3600, 3600))
def test_p11_the_grace_never_ends_before_the_timeout_and_the_first_snapshot(
    age: float,
) -> None:
    search = begun(Facts(UID), age=age)
    assert search.grace_ends >= MONOTONIC + GRACE
    assert search.grace_ends >= MONOTONIC - age + TIMEOUT + GRACE - 1e-6
    later = max(MONOTONIC, MONOTONIC - age + TIMEOUT + CUT_OFF)
    assert search.grace_ends == pytest.approx(later + GRACE)


def test_p11_an_attempt_may_have_begun_up_to_a_second_after_what_the_status_says() -> None:
    """Else a batch that Google lists just within the grace would be paid for twice."""
    attempt = a_job(status=unnamed()).status.attempt
    assert attempt is not None
    begun_at = NOW + timedelta(seconds=0.999)
    stored = attempt.model_copy(update={"start_time": begun_at}).model_dump(mode="json")
    read = type(attempt).model_validate(stored)
    search = Facts(UID).begin_search(
        read, now=begun_at, monotonic=MONOTONIC, timeout=TIMEOUT, grace=GRACE
    )
    assert search.grace_ends >= MONOTONIC + TIMEOUT + GRACE


def test_p11_the_grace_of_an_attempt_is_set_once() -> None:
    facts = Facts(UID)
    first = begun(facts)
    assert begun(facts, age=100, monotonic=MONOTONIC + 100) is first


def test_p11_another_attempt_is_another_search() -> None:
    facts = Facts(UID)
    begun(facts).note(a_list_snapshot())
    attempt = a_job(status=unnamed()).status.attempt
    assert attempt is not None
    other = attempt.model_copy(update={"id": EARLIER})
    search = facts.begin_search(other, now=NOW, monotonic=MONOTONIC, timeout=25, grace=60)
    assert (search.attempt_id, search.complete) == (EARLIER, 0)


# Listings


def test_p11_listings_come_less_and_less_often_and_one_as_the_grace_ends() -> None:
    search = Search(ATTEMPT, begun=0.0, grace_ends=40.0)
    moments, now = [], 0.0
    while now < 80.0:
        search.ended(now)
        now = search.due
        moments.append(now)
    assert moments == [1, 3, 7, 15, 30, 40, 55, 70, 85]
    assert SEARCH_DELAYS == (1, 2, 4, 8, 15)


def test_a_listing_that_ended_is_not_under_way() -> None:
    search = Search(ATTEMPT, begun=0.0, grace_ends=40.0, under_way=True)
    search.ended(5.0)
    assert not search.under_way


@pytest.mark.parametrize("searching", [True, False])
def test_the_end_of_a_listing_is_remembered_well_or_not(searching: bool) -> None:
    facts = Facts(UID)
    search = begun(facts) if searching else None
    facts.note_listed(MONOTONIC + 3)
    assert facts.listed == MONOTONIC + 3
    if search is not None:
        assert search.due == MONOTONIC + 4


def test_p11_complete_and_incomplete_listings_are_counted() -> None:
    facts = Facts(UID)
    search = begun(facts)
    for complete in (False, False, True, False):
        facts.note_list_snapshot(a_list_snapshot(complete=complete), named=False)
    assert (search.complete, search.incomplete_in_a_row) == (1, 1)
    assert search.last_complete_begun == MONOTONIC


def test_p11_a_listing_that_was_begun_before_the_search_is_seen_but_not_counted() -> None:
    facts = Facts(UID)
    search = begun(facts)
    early = a_list_snapshot(a_batch(), begun=MONOTONIC - 1)
    facts.note_list_snapshot(early, named=False)
    assert search.complete == 0
    assert facts.list_snapshot is early


@pytest.mark.parametrize("complete", [True, False])
def test_s11_a_list_with_another_key_is_no_evidence_and_the_next_with_its_own_is(
    complete: bool,
) -> None:
    facts = Facts(UID)
    search = begun(facts)
    theirs = a_list_snapshot(complete=complete, begun=MONOTONIC + 1, other_key=[ATTEMPT])
    facts.note_list_snapshot(theirs, named=False)
    assert (search.complete, search.incomplete_in_a_row) == (0, 0)
    assert search.last_complete_begun < MONOTONIC
    assert search.other_key_begun == MONOTONIC + 1
    assert facts.list_snapshot is theirs, "another key of the same project may show the batch"
    own = a_list_snapshot(complete=complete, begun=MONOTONIC + 2, other_key=[EARLIER])
    facts.note_list_snapshot(own, named=False)
    assert (search.complete, search.incomplete_in_a_row) == (complete, not complete)
    assert search.other_key_begun < MONOTONIC


@pytest.mark.parametrize(
    ("there", "complete", "named", "missed_lists"),
    [
        (False, True, True, 2),
        (True, True, True, 0),
        (True, False, True, 0),
        (False, False, True, 1),
        (False, True, False, 1),
    ],
    ids=["missing", "there", "there in a part", "not seen in a part", "has no name yet"],
)
def test_p20_only_a_complete_listing_shows_that_a_named_batch_is_missing(
    there: bool, complete: bool, named: bool, missed_lists: int
) -> None:
    facts = Facts(UID, missed_lists=1)
    current = a_batch() if there else None
    facts.note_list_snapshot(a_list_snapshot(current=current, complete=complete), named)
    assert facts.missed_lists == missed_lists


# Reads


def test_p18_the_reads_of_an_event_are_counted_and_timed() -> None:
    facts, now = Facts(UID), MONOTONIC
    for number, seconds in enumerate(EVENT_REREADS, start=1):
        facts.note_event_read("event-1", now)
        assert facts.event is not None
        assert (facts.event.reads, facts.event.due) == (number, now + seconds)
        now += seconds
    facts.note_event_read("event-1", now)
    assert facts.event is not None
    assert facts.event.reads == 4, "at most four reads per event"
    assert EVENT_REREADS == (2, 10, 60)


def test_p18_another_event_is_counted_anew() -> None:
    facts = Facts(UID)
    facts.note_event_read("event-1", MONOTONIC)
    facts.note_event_read("event-2", MONOTONIC + 1)
    assert facts.event is not None
    assert (facts.event.event_id, facts.event.reads) == ("event-2", 1)


def test_a_read_is_newer_than_the_listing_before_it() -> None:
    facts = Facts(UID, list_snapshot=a_list_snapshot(current=a_batch(state="BATCH_STATE_PENDING")))
    facts.note_read(a_batch())
    assert facts.list_snapshot is not None
    assert facts.list_snapshot.current == a_batch()


@pytest.mark.parametrize(
    "list_snapshot", [None, a_list_snapshot()], ids=["no listing", "not listed"]
)
def test_a_read_does_not_make_up_a_listing(list_snapshot: object) -> None:
    facts = Facts(UID, list_snapshot=list_snapshot)  # type: ignore[arg-type]
    facts.note_read(a_batch())
    assert facts.list_snapshot == list_snapshot


# Memory


def test_facts_belong_to_one_incarnation_of_a_name() -> None:
    memory = Memory()
    facts = memory.of(a_job())
    assert memory.of(a_job(resourceVersion="200")) is facts
    other = memory.of(a_job(uid=OTHER_UID))
    assert other is not facts
    assert other.uid == OTHER_UID


def test_p05_what_is_gone_is_forgotten() -> None:
    memory = Memory()
    job = a_job()
    facts = memory.of(job)
    memory.forget(job.key)
    memory.forget(job.key)
    assert memory.of(job) is not facts
