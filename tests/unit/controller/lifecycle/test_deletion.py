from typing import Any

import pytest

from gemini_operator.api import group
from gemini_operator.api.conditions import STALLED, find
from gemini_operator.api.reasons import Reason
from gemini_operator.controller.lifecycle import deletion, policies
from gemini_operator.controller.lifecycle.decisions import (
    DeleteRemote,
    Event,
    ListRemote,
    PatchStatus,
    RemoveFinalizer,
    RequeueAfter,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import CUT_OFF, Facts, KeyProblem, ListSnapshot
from tests.unit.controller.builders import (
    ADOPTS,
    ATTEMPT,
    BATCH,
    EARLIER,
    MONOTONIC,
    NOW,
    RULES,
    TO_CONFIG_MAP,
    UID,
    a_batch,
    a_list_snapshot,
    a_snapshot,
    ago,
    an_attempt,
    finished,
    note,
    reason_of,
    seen,
    submitted,
    unnamed,
)

GRACE_ENDS = MONOTONIC + RULES.create_timeout + RULES.submit_grace + CUT_OFF
LATE = MONOTONIC + deletion.PATIENCE
GIVEN_UP = [an_attempt(EARLIER)]
ORPHAN = {"deletionPolicy": "Orphan"}


FORCE = {group.FORCE_DELETE: "true"}


def since(hours: float) -> dict[str, Any]:
    """The metadata of an object that was deleted so long ago."""
    return {"deletionTimestamp": ago(3600 * hours)}


def deleted(
    *listings: ListSnapshot,
    monotonic: float = MONOTONIC,
    facts: Facts | None = None,
    **of_job: Any,
) -> Snapshot:
    """A job whose deletion this process saw at MONOTONIC; now it is `monotonic`."""
    facts = facts or Facts(UID, deleting_since=MONOTONIC)
    a_snapshot(facts=facts, deleting=True, **of_job)
    snapshot = a_snapshot(facts=facts, deleting=True, monotonic=monotonic, **of_job)
    for listing in listings:
        note(snapshot, listing)
    return snapshot


def warned(event: Event | None, reason: Reason) -> bool:
    return event is not None and event.warning and event.reason == reason


def test_a_job_that_is_not_deleted_is_left_to_other_policies() -> None:
    assert deletion.decide(a_snapshot(status=submitted())) is None


def test_an_object_that_does_not_wait_for_us_is_none_of_our_business() -> None:
    assert deletion.decide(deleted(has_finalizer=False, status=submitted())) == RequeueAfter()


@pytest.mark.parametrize("policy", [{}, {"deletionPolicy": "Delete"}], ids=["absent", "Delete"])
@pytest.mark.parametrize("status", [submitted(), finished()], ids=["running", "finished"])
def test_p21_on_delete_the_batch_is_disposed_of_and_the_object_released(
    policy: dict[str, str], status: dict[str, Any]
) -> None:
    assert deletion.decide(deleted(spec=policy, status=status)) == DeleteRemote((BATCH,))


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="never tried"),
        pytest.param({"state": "Queued"}, id="queued"),
        pytest.param({"state": "Failed", "completionTime": "2026-01-01T12:00:00Z"}, id="refused"),
    ],
)
def test_p21_a_job_that_has_nothing_at_google_is_released_at_once(status: dict[str, Any]) -> None:
    assert deletion.decide(deleted(status=status)) == DeleteRemote(())


@pytest.mark.parametrize(
    ("status", "what"),
    [
        pytest.param(submitted(), BATCH, id="a batch"),
        pytest.param(unnamed(), ATTEMPT, id="an attempt without an answer"),
    ],
)
def test_p21_with_orphan_the_object_is_released_at_once_with_a_warning(
    status: dict[str, Any], what: str
) -> None:
    decision = deletion.decide(deleted(spec=ORPHAN, status=status))
    assert isinstance(decision, RemoveFinalizer)
    assert warned(decision.event, Reason.ORPHANED)
    assert decision.event is not None
    assert what in decision.event.note


def test_p21_with_orphan_and_nothing_at_google_there_is_nothing_to_say() -> None:
    assert deletion.decide(deleted(spec=ORPHAN)) == RemoveFinalizer(None)


def test_p16_deletion_comes_before_everything_else() -> None:
    """Here: an end that wants delivery, and fields that are not supported."""
    snapshot = deleted(
        spec={"output": {"configMap": {"name": "results"}}, "suspend": True}, status=submitted()
    )
    assert policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED")) == DeleteRemote((BATCH,))


# An attempt without an answer


def test_p21_an_unsettled_attempt_is_searched_for_first() -> None:
    assert deletion.decide(deleted(status=unnamed())) == ListRemote(0.0)


def test_p21_the_search_of_a_deletion_keeps_its_pace() -> None:
    assert deletion.decide(deleted(a_list_snapshot(), status=unnamed())) == ListRemote(1.0)


def test_p21_a_listing_under_way_is_waited_for() -> None:
    snapshot = deleted(status=unnamed())
    assert snapshot.facts.search is not None
    snapshot.facts.search.under_way = True
    assert deletion.decide(snapshot) == RequeueAfter(deletion.PAUSE)


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param([a_batch()], id="its batch"),
        pytest.param([a_batch("batches/one"), a_batch("batches/two")], id="several"),
        pytest.param([a_batch(model="models/other")], id="its token, and another model"),
    ],
)
def test_p21_whatever_carries_the_attempts_token_goes(batches: list[Any]) -> None:
    snapshot = deleted(a_list_snapshot(*batches), status=unnamed())
    assert deletion.decide(snapshot) == DeleteRemote(tuple(batch.name for batch in batches))


def test_p21_an_attempt_found_nowhere_is_settled() -> None:
    snapshot = deleted(a_list_snapshot(), a_list_snapshot(begun=GRACE_ENDS), status=unnamed())
    assert deletion.decide(snapshot) == DeleteRemote(())


def test_p21_lists_that_cannot_be_read_whole_are_read_again() -> None:
    snapshot = deleted(*[a_list_snapshot(complete=False)] * 3, status=unnamed())
    decision = deletion.decide(snapshot)
    assert isinstance(decision, ListRemote)
    assert snapshot.facts.search is not None
    again = deleted(monotonic=snapshot.facts.search.due, facts=snapshot.facts, status=unnamed())
    assert deletion.decide(again) == ListRemote(0.0), "it must not wait for ever"


def test_p22_lists_that_never_can_be_read_hold_no_object_for_ever() -> None:
    snapshot = deleted(*[a_list_snapshot(complete=False)] * 3, monotonic=LATE, status=unnamed())
    decision = deletion.decide(snapshot)
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == ()
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)


UNSETTLED = pytest.mark.parametrize(
    "status", [unnamed(), {"supersededAttempts": GIVEN_UP}], ids=["unsettled", "given up"]
)


def refusing(status: dict[str, Any], monotonic: float, facts: Facts | None = None) -> Snapshot:
    """A job of which Google refused the last list, for its key."""
    snapshot = deleted(monotonic=monotonic, facts=facts, status=status)
    snapshot.facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "API key not valid")
    return snapshot


@UNSETTLED
def test_p22_a_deletion_whose_lists_are_refused_says_so_once(status: dict[str, Any]) -> None:
    snapshot = refusing(status, MONOTONIC)
    decision = deletion.decide(snapshot)
    assert isinstance(decision, PatchStatus)
    said = find(decision.status.conditions, STALLED)
    assert said is not None
    assert said.reason == Reason.DELETION_BLOCKED
    for part in ("API key not valid.", "two minutes", "force-delete"):
        assert part in said.message
    assert [event.reason for event in decision.events] == [Reason.CREDENTIALS_REJECTED]
    again = refusing(decision.status.dump(), MONOTONIC, snapshot.facts)
    assert deletion.decide(again) == ListRemote(0.0)


@UNSETTLED
def test_p22_a_key_that_google_refuses_holds_no_object_for_ever(status: dict[str, Any]) -> None:
    """Two minutes from the first refusal, as Google may have been away until then."""
    facts = refusing(status, LATE).facts
    for monotonic, gives_up in ((LATE, False), (2 * LATE - MONOTONIC, True)):
        decision = deletion.decide(refusing(status, monotonic, facts))
        assert isinstance(decision, DeleteRemote if gives_up else PatchStatus)
    assert isinstance(decision, DeleteRemote)
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)
    assert decision.event is not None
    assert "API key not valid" in decision.event.note
    # By this it is found at Google.
    assert (ATTEMPT if "attempt" in status else EARLIER) in decision.event.note


@UNSETTLED
def test_p22_a_deletion_that_goes_on_is_no_longer_blocked(status: dict[str, Any]) -> None:
    blocked = deletion.decide(refusing(status, MONOTONIC))
    assert isinstance(blocked, PatchStatus)
    listing = a_list_snapshot(begun=MONOTONIC)
    works = deleted(listing, status=blocked.status.dump())
    decision = deletion.decide(works)
    assert isinstance(decision, PatchStatus)
    assert find(decision.status.conditions, STALLED) is None
    assert decision.status.state == "Deleting"
    # While something fails, it says so.
    for facts in (
        Facts(UID, deleting_since=MONOTONIC, keyless_since=MONOTONIC),
        Facts(UID, deleting_since=MONOTONIC, failed_calls=1),
    ):
        fails = deleted(listing, facts=facts, status=blocked.status.dump())
        assert isinstance(deletion.decide(fails), ListRemote)


# Lists with another API key than the attempt's


LONG_GIVEN_UP = {"supersededAttempts": [an_attempt(EARLIER, startTime=ago(3600))]}
OF_ANOTHER_KEY = pytest.mark.parametrize(
    ("status", "an_id"),
    [(unnamed(), ATTEMPT), (LONG_GIVEN_UP, EARLIER)],
    ids=["unsettled", "given up"],
)
IN_VAIN = a_list_snapshot(begun=GRACE_ENDS, other_key=[ATTEMPT, EARLIER])


@OF_ANOTHER_KEY
def test_s11_a_list_with_another_key_settles_nothing_and_that_is_said_once(
    status: dict[str, Any], an_id: str
) -> None:
    snapshot = deleted(IN_VAIN, IN_VAIN, monotonic=GRACE_ENDS, status=status)
    decision = deletion.decide(snapshot)
    assert isinstance(decision, PatchStatus)
    said = find(decision.status.conditions, STALLED)
    assert said is not None
    assert said.reason == Reason.DELETION_BLOCKED
    for part in ("no longer holds the API key", an_id, "two minutes"):
        assert part in said.message
    assert [event.reason for event in decision.events] == [Reason.CREDENTIALS_CHANGED]
    again = deleted(monotonic=GRACE_ENDS + 60, facts=snapshot.facts, status=decision.status.dump())
    assert isinstance(deletion.decide(again), ListRemote), "the key may come back"


@OF_ANOTHER_KEY
def test_s11_without_its_key_a_deletion_leaves_the_batch_behind_after_two_minutes(
    status: dict[str, Any], an_id: str
) -> None:
    facts = deleted(IN_VAIN, monotonic=GRACE_ENDS, status=status).facts
    facts.keyless_since = GRACE_ENDS
    late = deleted(monotonic=GRACE_ENDS + deletion.PATIENCE, facts=facts, status=status)
    decision = deletion.decide(late)
    assert isinstance(decision, DeleteRemote)
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)
    assert decision.event is not None
    assert an_id in decision.event.note


@pytest.mark.parametrize(
    ("status", "an_id"),
    [(unnamed(), ATTEMPT), ({"supersededAttempts": GIVEN_UP}, EARLIER)],
    ids=["unsettled", "given up"],
)
def test_s11_until_the_grace_ends_the_batch_may_still_be_listed(
    status: dict[str, Any], an_id: str
) -> None:
    early = a_list_snapshot(begun=GRACE_ENDS - 1, other_key=[an_id])
    assert isinstance(deletion.decide(deleted(early, status=status)), ListRemote)
    batch = a_batch(attempt=an_id)
    found = a_list_snapshot(batch, begun=GRACE_ENDS - 1, other_key=[an_id])
    assert deletion.decide(deleted(found, status=status)) == DeleteRemote((BATCH,))


def test_s11_a_listing_under_way_is_waited_for_with_another_key_too() -> None:
    snapshot = deleted(IN_VAIN, monotonic=GRACE_ENDS, status=unnamed())
    assert snapshot.facts.search is not None
    snapshot.facts.search.under_way = True
    assert deletion.decide(snapshot) == RequeueAfter(deletion.PAUSE)


@pytest.mark.parametrize(("hours", "waits"), [(48, True), (49, False)])
def test_s11_a_given_up_attempt_that_google_has_ended_needs_no_key(hours: int, waits: bool) -> None:
    given_up = [an_attempt(EARLIER, startTime=ago(3600 * hours))]
    decision = deletion.decide(deleted(IN_VAIN, status={"supersededAttempts": given_up}))
    assert isinstance(decision, PatchStatus if waits else DeleteRemote)


@OF_ANOTHER_KEY
def test_s11_a_deletion_whose_key_is_back_goes_on(status: dict[str, Any], an_id: str) -> None:
    blocked = deletion.decide(deleted(IN_VAIN, monotonic=GRACE_ENDS, status=status))
    assert isinstance(blocked, PatchStatus)
    assert an_id in blocked.events[0].note
    facts = Facts(UID, deleting_since=MONOTONIC)
    own = [a_list_snapshot(begun=GRACE_ENDS + 1), a_list_snapshot(begun=GRACE_ENDS + 2)]
    back = deleted(*own, facts=facts, monotonic=GRACE_ENDS + 2, status=blocked.status.dump())
    assert deletion.decide(back) == DeleteRemote(())


# Attempts that were given up


def test_p12_a_deletion_settles_superseded_attempts_by_a_listing_of_its_own() -> None:
    assert deletion.decide(deleted(status={"supersededAttempts": GIVEN_UP})) == ListRemote(0.0)


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(a_list_snapshot(begun=MONOTONIC - 1), id="begun before the deletion"),
        pytest.param(a_list_snapshot(complete=False), id="incomplete"),
    ],
)
def test_p12_a_listing_that_may_have_missed_it_is_made_again(listing: ListSnapshot) -> None:
    status = submitted(supersededAttempts=GIVEN_UP)
    snapshot = deleted(listing, status=status)
    assert deletion.decide(snapshot) == ListRemote(deletion.PAUSE)
    later = deleted(monotonic=MONOTONIC + deletion.PAUSE, facts=snapshot.facts, status=status)
    assert deletion.decide(later) == ListRemote(0.0), "it must not wait for a sweep"


@pytest.mark.parametrize("complete", [True, False])
def test_p12_superseded_batches_go_with_the_current_one(complete: bool) -> None:
    """And where more may come, the object says so when it goes."""
    late = a_batch("batches/late", attempt=EARLIER)
    listing = a_list_snapshot(late, complete=complete)
    snapshot = deleted(listing, monotonic=LATE, status=submitted(supersededAttempts=GIVEN_UP))
    decision = deletion.decide(snapshot)
    assert isinstance(decision, DeleteRemote)
    assert decision.batches == (BATCH, "batches/late")
    assert (decision.event is not None) == (not complete)


def test_p12_a_superseded_attempt_whose_batch_was_dealt_with_needs_no_listing() -> None:
    given_up = [an_attempt(EARLIER, batchName="batches/x", reason="DuplicateCancelled")]
    snapshot = deleted(status=submitted(supersededAttempts=given_up))
    assert deletion.decide(snapshot) == DeleteRemote((BATCH,))


def test_p22_patience_is_counted_from_the_moment_the_deletion_was_seen() -> None:
    facts = Facts(UID, deleting_since=MONOTONIC)
    assert not deletion.out_of_patience(a_snapshot(facts=facts, monotonic=LATE - 0.1))
    assert deletion.out_of_patience(a_snapshot(facts=facts, monotonic=LATE))
    assert not deletion.out_of_patience(a_snapshot(monotonic=LATE, now=NOW))


# Force


@pytest.mark.parametrize(
    ("status", "what"),
    [
        pytest.param(submitted(), BATCH, id="a batch"),
        pytest.param(unnamed(), ATTEMPT, id="an attempt without an answer"),
        pytest.param({"supersededAttempts": GIVEN_UP}, EARLIER, id="one that was given up"),
    ],
)
def test_p22_force_delete_lets_the_object_go_at_once_and_says_what_is_left(
    status: dict[str, Any], what: str
) -> None:
    decision = deletion.decide(deleted(status=status, annotations=FORCE))
    assert isinstance(decision, RemoveFinalizer)
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)
    assert decision.event is not None
    assert what in decision.event.note


@pytest.mark.parametrize(
    "of_job",
    [
        pytest.param({}, id="never submitted"),
        pytest.param({"spec": ADOPTS, "status": {"batchName": BATCH}}, id="only claimed"),
        pytest.param(
            {"status": {"supersededAttempts": [an_attempt(EARLIER, reason="RemoteFailed")]}},
            id="ended",
        ),
    ],
)
def test_p22_and_where_nothing_is_left_there_is_nothing_to_say(of_job: dict[str, Any]) -> None:
    assert deletion.decide(deleted(annotations=FORCE, **of_job)) == RemoveFinalizer(None)


@pytest.mark.parametrize("value", ["false", "True", "yes", ""])
def test_p22_only_true_is_force(value: str) -> None:
    snapshot = deleted(status=submitted(), annotations={group.FORCE_DELETE: value})
    assert deletion.decide(snapshot) == DeleteRemote((BATCH,))


def test_p22_force_without_a_deletion_is_nothing() -> None:
    assert (
        policies.decide(a_snapshot(status=submitted(), annotations=FORCE), None) == RequeueAfter()
    )


# Google does not do it


def test_p22_a_blocked_deletion_says_so_once_and_is_tried_again() -> None:
    snapshot = deleted(status=submitted())
    first = deletion.blocked(snapshot, "503.")
    assert isinstance(first, PatchStatus)
    assert (first.retry, len(first.events)) == (True, 1)
    assert warned(first.events[0], Reason.DELETION_BLOCKED)
    assert "503." in first.events[0].note
    assert "force-delete" in first.events[0].note
    assert reason_of(first.status, "Stalled") == ("True", Reason.DELETION_BLOCKED)
    again = deletion.blocked(deleted(status=first.status.dump()), "503.")
    assert isinstance(again, PatchStatus)
    assert (again.status, again.events, again.retry) == (first.status, (), True)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (submitted(), BATCH),
        (unnamed(), ATTEMPT),
        ({"supersededAttempts": GIVEN_UP}, EARLIER),
        ({"supersededAttempts": [an_attempt(EARLIER, reason="RemoteFailed")]}, "none"),
    ],
)
def test_p22_after_49_hours_nothing_runs_any_more_and_the_object_goes(
    status: dict[str, Any], what: str
) -> None:
    for hours, goes in ((48.9, False), (49, True)):
        decision = deletion.blocked(deleted(**since(hours), status=status), "503.")
        assert isinstance(decision, RemoveFinalizer if goes else PatchStatus)
    assert isinstance(decision, RemoveFinalizer)
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)
    assert decision.event is not None
    assert what in decision.event.note
    assert "503." in decision.event.note


@pytest.mark.parametrize(
    "status", [unnamed(), {"supersededAttempts": GIVEN_UP}], ids=["unsettled", "given up"]
)
def test_p22_lists_that_are_not_had_block_the_deletion_visibly(status: dict[str, Any]) -> None:
    """Unlike a key that is gone, an outage ends: it is waited for."""
    assert isinstance(deletion.decide(deleted(monotonic=LATE - 1, status=status)), ListRemote)
    snapshot = deleted(monotonic=LATE, status=status)
    decision = deletion.decide(snapshot)
    assert isinstance(decision, PatchStatus)
    assert reason_of(decision.status, "Stalled") == ("True", Reason.DELETION_BLOCKED)
    assert (decision.seconds, len(decision.events)) == (0.0, 1)
    again = deleted(monotonic=LATE, facts=snapshot.facts, status=decision.status.dump())
    assert deletion.decide(again) == ListRemote(0.0), "it goes on trying"


@pytest.mark.parametrize(
    "status", [unnamed(), {"supersededAttempts": GIVEN_UP}], ids=["unsettled", "given up"]
)
def test_p22_nor_do_they_hold_the_object_for_ever(status: dict[str, Any]) -> None:
    decision = deletion.decide(deleted(**since(49), monotonic=LATE, status=status))
    assert isinstance(decision, DeleteRemote)
    assert warned(decision.event, Reason.BATCH_LEFT_BEHIND)


def test_p22_a_list_that_was_had_does_not_block() -> None:
    """However long the grace takes."""
    snapshot = deleted(a_list_snapshot(begun=MONOTONIC + 1), monotonic=LATE, status=unnamed())
    assert isinstance(deletion.decide(snapshot), ListRemote)


# What else goes


def test_p16_batches_that_ended_before_go_with_the_job() -> None:
    past = [
        an_attempt(EARLIER, batchName="batches/failed", reason="RemoteFailed"),
        an_attempt("b" * 16, batchName="batches/suspended", reason="Suspended"),
        an_attempt("c" * 16, batchName="batches/gone", reason="DuplicateCancelled"),
    ]
    snapshot = deleted(status=submitted(supersededAttempts=past))
    assert deletion.decide(snapshot) == DeleteRemote((BATCH, "batches/failed", "batches/suspended"))


def test_p25_a_batch_that_was_only_claimed_is_left_alone() -> None:
    snapshot = deleted(spec=ADOPTS | {"deletionPolicy": "Delete"}, status={"batchName": BATCH})
    assert deletion.decide(snapshot) == DeleteRemote(())


def test_p25_an_adopted_batch_goes_or_stays_as_the_policy_says() -> None:
    gone = deleted(spec=ADOPTS | {"deletionPolicy": "Delete"}, status=submitted())
    assert deletion.decide(gone) == DeleteRemote((BATCH,))
    assert isinstance(deletion.decide(deleted(spec=ADOPTS, status=submitted())), RemoveFinalizer)


@pytest.mark.parametrize(
    "spec",
    [{"shutdown": "Cancel"}, {"suspend": True}, {"activeDeadlineSeconds": 1}],
    ids=["shutdown", "suspend", "deadline"],
)
def test_p16_deletion_goes_before_every_other_way_to_end_a_batch(spec: dict[str, Any]) -> None:
    snapshot = deleted(spec=spec, status=submitted(startTime=ago(60)))
    assert policies.decide(snapshot, None) == DeleteRemote((BATCH,))


# Results that were not delivered


UNDELIVERED = finished(output={"fileName": "files/results"})


def test_a_batch_whose_results_were_not_delivered_is_kept_and_that_is_said() -> None:
    decision = deletion.decide(deleted(spec={"output": TO_CONFIG_MAP}, status=UNDELIVERED))
    assert isinstance(decision, RemoveFinalizer)
    assert decision.event is not None
    assert decision.event.reason is Reason.RESULTS_KEPT
    assert BATCH in decision.event.note
    assert UID in decision.event.note, "adopting it needs that"


def test_results_that_are_only_at_google_yet_are_kept_too() -> None:
    late = submitted(geminiState="BATCH_STATE_SUCCEEDED")
    decision = deletion.decide(deleted(spec={"output": TO_CONFIG_MAP}, status=late))
    assert isinstance(decision, RemoveFinalizer)
    assert decision.event is not None
    assert decision.event.reason is Reason.RESULTS_KEPT


@pytest.mark.parametrize(
    "of_job",
    [
        {"spec": {"output": TO_CONFIG_MAP, "deletionPolicy": "Delete"}, "status": UNDELIVERED},
        {"spec": {}, "status": UNDELIVERED},
        {"spec": {"output": TO_CONFIG_MAP}, "status": finished(output={"configMap": "results"})},
        {"spec": {"output": TO_CONFIG_MAP}, "status": finished()},
        {"spec": {"output": TO_CONFIG_MAP}, "status": submitted()},
    ],
    ids=["said aloud", "no output asked for", "delivered", "no results", "not ended"],
)
def test_any_other_batch_is_deleted(of_job: dict[str, Any]) -> None:
    assert deletion.decide(deleted(**of_job)) == DeleteRemote((BATCH,))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, Reason.ENDED_BATCH_LEFT),
        ({"geminiState": "BATCH_STATE_RUNNING"}, Reason.BATCH_LEFT_BEHIND),
        ({"supersededAttempts": GIVEN_UP}, Reason.BATCH_LEFT_BEHIND),
    ],
    ids=["ended", "may run", "another may run"],
)
def test_p22_a_batch_that_has_ended_is_no_alarm(members: dict[str, Any], reason: Reason) -> None:
    status = {**finished(), **members}
    job = a_snapshot(status=status, deleting=True).job
    facts = Facts(UID, keyless_since=MONOTONIC - deletion.PATIENCE)
    missing = Reason.CREDENTIALS_MISSING, "gone"
    without_key = policies.without_credentials(a_snapshot(job, facts=facts), *missing)
    forced = a_snapshot(status=status, deleting=True, annotations=FORCE)
    for decision in (without_key, policies.decide(forced, None)):
        assert isinstance(decision, RemoveFinalizer)
        assert decision.event is not None
        assert decision.event.reason == reason
        assert BATCH in decision.event.note


def test_p22_a_deletion_without_a_usable_key_says_so_and_what_happens_next() -> None:
    snapshot = a_snapshot(status=submitted(), deleting=True)
    missing = Reason.CREDENTIALS_MISSING, "Secret team-a, key api-key: not found."
    waits = policies.without_credentials(snapshot, *missing)
    assert isinstance(waits, PatchStatus)
    said = find(waits.status.conditions, STALLED)
    assert said is not None
    assert (waits.status.state, said.reason) == ("Deleting", "DeletionBlocked")
    for part in (missing[1], "two minutes", "force-delete"):
        assert part in said.message
    assert [event.reason for event in waits.events] == [Reason.CREDENTIALS_MISSING]
    # It looks again without the back-off of failures, and says it once.
    assert (waits.seconds, waits.retry) == (deletion.PAUSE, False)
    told = a_snapshot(status=waits.status.dump(), deleting=True, facts=snapshot.facts)
    again = policies.without_credentials(told, *missing)
    assert isinstance(again, PatchStatus)
    assert again.status == told.status


@pytest.mark.parametrize(
    ("status", "parts"),
    [
        (submitted(), {BATCH}),
        (unnamed(), {ATTEMPT}),
        (submitted(supersededAttempts=GIVEN_UP), {BATCH, EARLIER}),
        (unnamed(supersededAttempts=GIVEN_UP), {ATTEMPT, EARLIER}),
    ],
)
def test_p22_what_is_left_for_want_of_a_key_can_be_found_at_google(
    status: dict[str, Any], parts: set[str]
) -> None:
    facts = Facts(UID, keyless_since=MONOTONIC - deletion.PATIENCE)
    snapshot = a_snapshot(status=status, deleting=True, facts=facts)
    decision = policies.without_credentials(snapshot, Reason.CREDENTIALS_MISSING, "Gone.")
    assert isinstance(decision, RemoveFinalizer)
    assert decision.event is not None
    assert {part for part in parts if part in decision.event.note} == parts


def test_p22_a_job_that_has_not_ended_may_still_run() -> None:
    status = submitted(geminiState="BATCH_STATE_SUCCEEDED")
    forced = policies.decide(a_snapshot(status=status, deleting=True, annotations=FORCE), None)
    assert isinstance(forced, RemoveFinalizer)
    assert forced.event is not None
    assert forced.event.reason == Reason.BATCH_LEFT_BEHIND
