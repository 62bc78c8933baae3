from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.api.v1alpha1.spec import AdoptSource
from gemini_operator.api.v1alpha1.status import Attempt
from gemini_operator.controller.lifecycle import adoption, observation, policies
from gemini_operator.controller.lifecycle.adoption import Holder
from gemini_operator.controller.lifecycle.decisions import (
    AddFinalizer,
    Adopt,
    PatchStatus,
    RequeueAfter,
    Submit,
)
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import Facts
from gemini_operator.gemini.remote import Summary
from tests.unit.controller.builders import (
    ADOPTS,
    ATTEMPT,
    BATCH,
    MODEL,
    MONOTONIC,
    NOW,
    OTHER_UID,
    UID,
    a_batch,
    a_condition,
    a_snapshot,
    an_attempt,
    delivering,
    finished,
    reason_of,
    seen,
    submitted,
    written,
)

CLAIMED = {
    "state": "Pending",
    "batchName": BATCH,
    "observedGeneration": 1,
    "conditions": [a_condition("Submitted", "False", "Adopting")],
}
CREATED = NOW - timedelta(minutes=5)
OLDER, YOUNGER = CREATED - timedelta(seconds=1), CREATED + timedelta(seconds=1)
RECORD = Attempt.model_validate(an_attempt(batchName=BATCH))
SOMEBODYS = a_batch(attempt=None)


def adopting(status: dict[str, Any] | None = None, **terms: str) -> Snapshot:
    """A job that has claimed the batch, or has `status`."""
    spec = ADOPTS | {"adopt": {"batchName": BATCH, **terms}}
    return a_snapshot(spec=spec, status=CLAIMED if status is None else status)


def terms_of(snapshot: Snapshot) -> AdoptSource:
    assert snapshot.job.spec.adopt is not None
    return snapshot.job.spec.adopt


def another(
    created: datetime = YOUNGER,
    uid: str = OTHER_UID,
    *,
    has_it: bool = False,
    over: bool = False,
    proven: bool = True,
) -> Holder:
    return Holder(uid=uid, created=created, has_it=has_it, over=over, proven=proven)


def settled(batch: Summary, snapshot: Snapshot | None = None) -> PatchStatus:
    snapshot = snapshot or adopting()
    return adoption.refused(snapshot, batch) or adoption.settled(snapshot, batch, RECORD)


# The claim


def test_p25_the_batch_is_claimed_once() -> None:
    snapshot = adopting({})
    status = written(adoption.claimed(snapshot, terms_of(snapshot)))
    assert (status.batch_name, status.attempt, status.state) == (BATCH, None, "Pending")
    assert reason_of(status, "Submitted") == ("False", Reason.ADOPTING)
    assert adoption.claimed(adopting(status.dump()), terms_of(snapshot)) is None
    assert adoption.decide(adopting(status.dump())) == Adopt()


def test_p25_no_claim_without_our_finalizer_or_a_look_at_the_batch_and_never_a_create() -> None:
    assert policies.decide(a_snapshot(spec=ADOPTS, has_finalizer=False), None) == AddFinalizer()
    assert policies.decide(a_snapshot(spec=ADOPTS), None) == Adopt()
    assert policies.decide(adopting(), None) == Adopt()


def test_p25_a_claimed_batch_is_not_read_nor_followed() -> None:
    """It is not the job's yet."""
    assert observation.wanted(adopting()) is None


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(a_snapshot(), id="nothing to adopt"),
        pytest.param(a_snapshot(spec=ADOPTS, status=submitted()), id="adopted already"),
    ],
)
def test_there_is_nothing_to_claim(snapshot: Snapshot) -> None:
    assert adoption.decide(snapshot) is None


def test_what_is_not_to_be_adopted_is_submitted() -> None:
    assert policies.decide(a_snapshot(), None) == Submit(1)


# Who else has it


@pytest.mark.parametrize(
    ("holders", "refused"),
    [
        pytest.param([], False, id="nobody else"),
        pytest.param([another(YOUNGER)], False, id="a younger claim"),
        pytest.param([another(OLDER)], True, id="an older claim"),
        pytest.param([another(CREATED, OTHER_UID)], False, id="as old, of the greater uid"),
        pytest.param([another(CREATED, "0" * 36)], True, id="as old, of the smaller uid"),
        pytest.param([another(OLDER, over=True)], False, id="an older claim that ended"),
        pytest.param([another(YOUNGER, has_it=True)], True, id="a younger job that has it"),
        pytest.param(
            [another(YOUNGER, has_it=True, over=True)], True, id="one that had it to its end"
        ),
        pytest.param([another(YOUNGER), another(OLDER)], True, id="one of several is older"),
    ],
)
def test_p25_who_has_the_batch_or_the_oldest_claim_keeps_it(
    holders: list[Holder], refused: bool
) -> None:
    snapshot = adopting()
    write = adoption.contested(snapshot, terms_of(snapshot), holders)
    assert (write is not None) is refused
    if write is not None:
        assert reason_of(write.status, "Failed") == ("True", Reason.ALREADY_ADOPTED)
        assert write.status.batch_name is None, "the claim goes with the job"
        assert write.status.completion_time == NOW


@pytest.mark.parametrize(
    ("holder", "refused"),
    [
        pytest.param(another(OLDER, has_it=True, over=True), False, id="it has ended, or goes"),
        pytest.param(another(OLDER, has_it=True), True, id="it still runs"),
        pytest.param(another(OLDER), True, id="it claims it itself"),
        pytest.param(another(OLDER, UID[:-1] + "f", has_it=True, over=True), True, id="another"),
    ],
)
def test_p25_the_job_named_in_previous_uid_gives_way_once_it_is_done_with_the_batch(
    holder: Holder, refused: bool
) -> None:
    snapshot = adopting(previousUID=OTHER_UID)
    assert (adoption.contested(snapshot, terms_of(snapshot), [holder]) is not None) is refused


def test_p25_a_job_named_in_previous_uid_that_is_still_there_is_refused_without_any_proof() -> None:
    snapshot = adopting(previousUID=OTHER_UID)
    write = adoption.contested(snapshot, terms_of(snapshot), [another(YOUNGER, proven=False)])
    assert write is not None
    assert reason_of(write.status, "Failed") == ("True", Reason.ADOPTION_REFUSED)


# What may be forged


@pytest.mark.parametrize("has_it", [True, False], ids=["says that it has it", "claims it"])
def test_p25_what_no_key_proves_is_waited_for_a_minute_and_then_gives_way(has_it: bool) -> None:
    """Who cannot read the batch could otherwise keep its owner from it for ever."""
    forged = [another(OLDER, has_it=has_it, proven=False)]
    facts = Facts(UID)
    for passed in (0.0, 59.9):
        facts.note_rivals(True, MONOTONIC + passed)
        snapshot = replace(adopting(), facts=facts, monotonic=MONOTONIC + passed)
        write = adoption.contested(snapshot, terms_of(snapshot), forged)
        assert write is not None
        assert write.seconds is not None
        assert write.status.completion_time is None
        assert reason_of(write.status, "Submitted") == ("False", Reason.ADOPTING)
    snapshot = replace(snapshot, monotonic=MONOTONIC + 60)
    assert adoption.contested(snapshot, terms_of(snapshot), forged) is None
    assert (
        adoption.contested(snapshot, terms_of(snapshot), [*forged, another(OLDER, "0" * 36)])
        is not None
    )


def test_p25_the_wait_begins_anew_when_nobody_else_claims_it_any_more() -> None:
    facts = Facts(UID)
    facts.note_rivals(True, 1.0)
    facts.note_rivals(True, 2.0)
    assert facts.contested_since == 1.0
    facts.note_rivals(False, 3.0)
    assert facts.contested_since is None


# What batch it is


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param(SOMEBODYS, id="nobody's token"),
        pytest.param(a_batch(), id="its own token, from an earlier life"),
    ],
)
def test_p25_a_batch_of_nobody_else_is_the_jobs_from_then_on(batch: Summary) -> None:
    write = settled(batch)
    status = write.status
    assert status.attempt == RECORD
    assert (status.batch_name, status.gemini_state) == (BATCH, "BATCH_STATE_RUNNING")
    assert (status.state, status.start_time) == ("Running", RECORD.start_time)
    assert reason_of(status, "Submitted") == ("True", Reason.ADOPTED)
    [event] = write.events
    assert (event.reason, event.warning) == (Reason.ADOPTED, False)
    assert BATCH in event.note


def test_p25_a_batch_that_google_does_not_know_with_this_key_is_a_clear_error() -> None:
    snapshot = adopting()
    write = adoption.not_found(snapshot, terms_of(snapshot))
    assert reason_of(write.status, "Failed") == ("True", Reason.REMOTE_NOT_FOUND)
    assert write.status.batch_name is None
    [event] = write.events
    assert event.warning
    for word in (BATCH, "API key", "spec.adopt.batchName"):
        assert word in event.note


@pytest.mark.parametrize(
    "previous", [{}, {"previousUID": UID[:-1] + "f"}], ids=["unnamed", "another"]
)
def test_s06_a_batch_of_another_object_is_refused_without_naming_the_holder(
    previous: dict[str, Any],
) -> None:
    write = settled(a_batch(uid=OTHER_UID), adopting(**previous))
    assert reason_of(write.status, "Failed") == ("True", Reason.ADOPTION_REFUSED)
    assert write.status.batch_name is None
    said = f"{write.status.dump()} {write.events}"
    assert OTHER_UID[:8] not in said
    assert ATTEMPT not in said


def test_p25_unless_previous_uid_names_that_object() -> None:
    write = settled(a_batch(uid=OTHER_UID), adopting(previousUID=OTHER_UID))
    assert reason_of(write.status, "Submitted") == ("True", Reason.ADOPTED)


def test_p25_what_stood_in_the_way_is_gone() -> None:
    stalled = a_condition("Stalled", "True", "CredentialsRejected")
    write = settled(SOMEBODYS, adopting(CLAIMED | {"conditions": [stalled]}))
    assert reason_of(write.status, "Stalled") is None


# Afterwards


def test_p25_no_token_is_asked_for_afterwards() -> None:
    snapshot = adopting(settled(SOMEBODYS).status.dump())
    assert policies.decide(snapshot, None) == RequeueAfter()
    status = written(
        delivering(snapshot, policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED", attempt=None)))
    )
    assert reason_of(status, "Complete") == ("True", Reason.SUCCEEDED)


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "EXPIRED", "CANCELLED"])
def test_p25_a_batch_that_has_ended_is_read_at_once(state: str) -> None:
    """No callback comes for it."""
    write = settled(a_batch(state=f"BATCH_STATE_{state}", attempt=None))
    assert observation.wanted(adopting(write.status.dump())) == BATCH


@pytest.mark.parametrize("state", ["FAILED", "EXPIRED"])
def test_p25_an_adopted_batch_is_never_replaced_by_a_new_one(state: str) -> None:
    """With `adopt` there is no `backoffLimit`."""
    snapshot = adopting(settled(SOMEBODYS).status.dump())
    status = written(policies.decide(snapshot, seen(f"BATCH_STATE_{state}", attempt=None)))
    assert reason_of(status, "Failed") is not None
    assert policies.decide(adopting(status.dump()), None) == RequeueAfter()


def test_s07_only_the_batch_that_the_spec_names_is_followed() -> None:
    """Somebody has forged status.batchName."""
    snapshot = adopting(submitted(batchName="batches/x", attempt=an_attempt(batchName="batches/x")))
    status = written(policies.decide(snapshot, seen("BATCH_STATE_SUCCEEDED", name="batches/x")))
    assert reason_of(status, "Stalled") == ("True", Reason.AMBIGUOUS_SUBMISSION)


def test_an_adopted_job_that_has_ended_stays_so() -> None:
    assert adoption.decide(adopting(finished())) is None
    assert policies.decide(adopting(finished()), None) == RequeueAfter()


@pytest.mark.parametrize(
    ("model", "batch", "refused"),
    [
        (MODEL, f"models/{MODEL}", False),
        (f"models/{MODEL}", f"models/{MODEL}", False),
        ("gemini-2.5-pro", f"models/{MODEL}", True),
        ("tunedModels/x", f"models/{MODEL}", True),
    ],
)
def test_a_batch_of_another_model_is_refused_and_both_are_named(
    model: str, batch: str, refused: bool
) -> None:
    snapshot = a_snapshot(spec={**ADOPTS, "model": model})
    write = adoption.refused(snapshot, a_batch(model=batch, attempt=None))
    assert (write is not None) is refused
    if write is not None:
        assert reason_of(write.status, "Failed") == ("True", Reason.ADOPTION_REFUSED)
        assert batch in write.events[0].note
        assert model in write.events[0].note
