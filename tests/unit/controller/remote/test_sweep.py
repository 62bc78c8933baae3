from datetime import timedelta
from typing import Any, cast

import pytest

from gemini_operator.controller.memory import Memory
from gemini_operator.controller.remote.sweep import Index, Sweeper, _listed_for
from gemini_operator.controller.store import Store
from gemini_operator.gemini.errors import CredentialsRejected, GeminiError, Unavailable
from gemini_operator.gemini.remote import Listing, Summary
from tests.unit.controller.builders import (
    ATTEMPT,
    BATCH,
    EARLIER,
    MONOTONIC,
    NOW,
    OTHER_UID,
    a_batch,
    a_job,
    an_attempt,
    finished,
    submitted,
    unnamed,
)
from tests.unit.controller.clocks import ManualClock

GIVEN_UP = [an_attempt(EARLIER)]


def shown(*batches: Summary, complete: bool = True, status: dict[str, Any] | None = None) -> Any:
    """What a listing of these batches shows of a job with that status."""
    index = Index(Listing(batches, complete))
    return index.list_snapshot(a_job(status=status or submitted()), MONOTONIC)


def test_p11_one_listing_serves_every_job_of_the_key() -> None:
    index = Index(Listing((a_batch(), a_batch("batches/two", uid=OTHER_UID)), complete=True))
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


@pytest.mark.parametrize(
    ("status", "hours", "listed"),
    [
        pytest.param({}, 0, False, id="nothing at Google"),
        pytest.param(unnamed(), 0, True, id="searching"),
        pytest.param(submitted(), 0, True, id="running"),
        pytest.param(finished(), 0, False, id="finished"),
        pytest.param({"supersededAttempts": GIVEN_UP}, 0, True, id="given up, not sent again"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 71, True, id="may still surface"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 73, False, id="72 h after the end"),
    ],
)
def test_p12_a_sweep_lists_for_jobs_that_have_or_may_have_something_at_google(
    status: dict[str, Any], hours: int, listed: bool
) -> None:
    assert _listed_for(a_job(status=status), NOW + timedelta(hours=hours)) is listed


@pytest.mark.parametrize(
    ("error", "usable"),
    [(None, True), (Unavailable("503"), True), (CredentialsRejected("403"), False)],
    ids=["a list", "no answer", "refused"],
)
async def test_p22_a_key_that_google_takes_is_usable(
    error: GeminiError | None, usable: bool
) -> None:
    """The two minutes of a deletion without one begin again with the next refusal."""

    class Client:
        batches: Any

        async def search(self) -> Listing:
            if error is not None:
                raise error
            return Listing((), complete=True)

    client = Client()
    client.batches = client
    store, memory = Store(), Memory()
    job = a_job(status=unnamed(), deleting=True)
    store.put(job)
    memory.of(job).keyless_since = MONOTONIC
    sweeper = Sweeper(
        cast(Any, None), store, memory, ManualClock(), wake=lambda _: None, interval=60.0
    )
    await sweeper._list(cast(Any, client), {job.key})
    assert (memory.of(job).keyless_since is None) is usable
