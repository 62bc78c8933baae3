from typing import Any

import pytest

from gemini_operator.controller.remote.list_index import ListIndex
from gemini_operator.gemini.remote import Listing, Summary
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    FINGERPRINT,
    MONOTONIC,
    OTHER_UID,
    UID,
    a_batch,
    a_job,
    an_attempt,
    submitted,
    unnamed,
)

GIVEN_UP = [an_attempt(EARLIER)]
OTHER_FINGERPRINT = "e" * 16


def shown(*batches: Summary, complete: bool = True, status: dict[str, Any] | None = None) -> Any:
    """What a listing of these batches shows of a job with that status."""
    index = ListIndex(Listing(batches, complete), lambda _uid: FINGERPRINT)
    return index.list_snapshot(a_job(status=status or submitted()), MONOTONIC)


def test_p11_one_listing_serves_every_job_of_the_key() -> None:
    batches = (a_batch(), a_batch("batches/two", uid=OTHER_UID))
    index = ListIndex(Listing(batches, complete=True), lambda _uid: FINGERPRINT)
    ours = index.list_snapshot(a_job(status=unnamed()), MONOTONIC)
    theirs = index.list_snapshot(a_job(uid=OTHER_UID, status=unnamed()), MONOTONIC)
    assert [m.name for m in ours.matches[ATTEMPT]] == [BATCH]
    assert [m.name for m in theirs.matches[ATTEMPT]] == ["batches/two"]


@pytest.mark.parametrize(
    ("batches", "current"),
    [
        ([a_batch()], BATCH),
        ([], None),
        ([a_batch("batches/two")], None),
        ([a_batch(uid=OTHER_UID)], None),
        ([a_batch(attempt=None)], None),
    ],
    ids=["there", "not there", "another name", "another's token", "no token"],
)
def test_s07_the_named_batch_counts_only_with_the_jobs_token(
    batches: list[Summary], current: str | None
) -> None:
    list_snapshot = shown(*batches)
    assert (list_snapshot.current.name if list_snapshot.current else None) == current


def test_p12_listings_match_every_recorded_attempt() -> None:
    status = unnamed(supersededAttempts=GIVEN_UP)
    list_snapshot = shown(
        a_batch(),
        a_batch("batches/late", attempt=EARLIER),
        a_batch("batches/later", attempt=EARLIER),
        a_batch("batches/foreign", attempt="b" * 16),
        status=status,
    )
    names = {an_id: [m.name for m in found] for an_id, found in list_snapshot.matches.items()}
    assert names == {ATTEMPT: [BATCH], EARLIER: ["batches/late", "batches/later"]}


def test_p11_an_attempt_without_a_match_is_told_from_one_that_was_not_looked_for() -> None:
    assert shown(status=unnamed()).matches == {ATTEMPT: ()}
    assert shown(status={"state": "Queued"}).matches == {}


@pytest.mark.parametrize("complete", [True, False])
def test_p11_a_list_snapshot_tells_when_it_began_and_whether_it_is_complete(complete: bool) -> None:
    list_snapshot = shown(complete=complete)
    assert (list_snapshot.begun, list_snapshot.complete) == (MONOTONIC, complete)


OTHERS = an_attempt(EARLIER, apiKeyFingerprint=OTHER_FINGERPRINT)


@pytest.mark.parametrize(
    ("status", "other_key"),
    [
        pytest.param(unnamed(), set(), id="its own key"),
        pytest.param(unnamed(attempt=OTHERS), {EARLIER}, id="another key"),
        pytest.param(unnamed(attempt=an_attempt(apiKeyFingerprint=None)), set(), id="no record"),
        pytest.param(
            unnamed(supersededAttempts=[OTHERS]), {EARLIER}, id="another key, and given up"
        ),
        pytest.param(submitted(supersededAttempts=[OTHERS]), {EARLIER}, id="beside a named one"),
        pytest.param(
            submitted(supersededAttempts=[OTHERS | {"reason": "RemoteFailed"}]), set(), id="ended"
        ),
        pytest.param(submitted(attempt=OTHERS | {"batchName": BATCH}), set(), id="named"),
    ],
)
def test_s11_a_list_tells_which_unknown_attempts_were_sent_with_another_key(
    status: dict[str, Any], other_key: set[str]
) -> None:
    assert shown(status=status).other_key == other_key


@pytest.mark.parametrize(
    ("status", "computed"),
    [(unnamed(), 1), (submitted(supersededAttempts=[OTHERS, OTHERS]), 1), (submitted(), 0)],
    ids=["unsettled", "given up", "running"],
)
def test_s11_a_fingerprint_is_computed_only_for_jobs_of_which_an_outcome_is_unknown(
    status: dict[str, Any], computed: int
) -> None:
    uids: list[str] = []

    def fingerprint(uid: str) -> str:
        uids.append(uid)
        return FINGERPRINT

    index = ListIndex(Listing((), complete=True), fingerprint)
    index.list_snapshot(a_job(status=status), MONOTONIC)
    assert uids == [UID] * computed
