"""The books: every batch that Google carried out for a job, and what there is to show for it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.integration.history.google import OPEN, Batch
from tests.integration.history.laws import (
    Body,
    attempt_of,
    conditions_of,
    status_of,
    superseded_of,
)
from tests.integration.history.trouble import MOST_LAG
from tests.integration.history.wish import Deeds, Wish
from tests.integration.history.world import CREATE_TIMEOUT, GRACE

CAUSES_TO_CANCEL = ("Suspended", "DuplicateCancelled")
ENDED_AS = {"RemoteFailed": "FAILED", "RemoteExpired": "EXPIRED"}


def unpaid_for(
    wish: Wish, versions: Sequence[Body], batches: Sequence[Batch], deeds: Deeds
) -> list[str]:
    """
    What of the batches of a job is more than was asked for, or not reported.

    Args:
        wish: the job.
        versions: of its object, the last one as it is, or as it was deleted.
        batches: of the job.
        deeds: what others did.
    """
    last = versions[-1]
    found = [*_needed(wish, last, batches), *_per_attempt(wish, batches), *_counted(wish, last)]
    for batch in batches:
        found += _explained(wish, last, batch, deeds)
        found += _cancelled_for_a_reason(wish, last, batch, deeds)
        if not batch.there and batch.state in OPEN and batch.name not in deeds.deleted:
            found.append(f"{wish.name}: {batch.name} was deleted and not cancelled")
    found += _one_after_the_other(wish, last, batches)
    found += _written_ahead(wish, versions, batches)
    return found


def left_behind(wish: Wish, last: Body, batches: Sequence[Batch], deeds: Deeds) -> list[str]:
    """What of a job that is gone is still at Google though it should not, or the other way round."""
    mine = [b for b in batches if b.owner == wish.uid[:8]]
    held = attempt_of(last).get("batchName")
    if wish.adopts:
        mine = [b for b in batches if b.name == held]
    if wish.forced:
        return []
    if wish.orphan:
        taken = [b.name for b in mine if b.name == held and not b.there]
        unasked = [name for name in taken if name not in deeds.deleted]
        return [f"{wish.name} was to leave {name} at Google" for name in unasked]
    if not wish.adopts:
        mine = [b for b in mine if b.name not in deeds.taken_over]
    return [f"{wish.name} is gone and left {b.name} at Google, {b.state}" for b in mine if b.there]


def _needed(wish: Wish, last: Body, batches: Sequence[Batch]) -> Iterator[str]:
    """A duplicate is paid for only where Google hid the first batch beyond the grace (P12)."""
    grace = timedelta(seconds=CREATE_TIMEOUT + GRACE - MOST_LAG)
    for batch in batches:
        past = superseded_of(last).get(batch.attempt, {})
        if past.get("reason") != "DuplicateCancelled" or batch.attempt in wish.resubmitted:
            continue
        if _time(batch.created) < _time(past["startTime"]) + grace:
            yield f"{wish.name}: {batch.name} was given up though it could be seen in time"


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _per_attempt(wish: Wish, batches: Sequence[Batch]) -> Iterator[str]:
    for attempt, number in Counter(batch.attempt for batch in batches).items():
        if number > 1:
            yield f"{wish.name}: attempt {attempt} was carried out {number} times"


def _counted(wish: Wish, last: Body) -> Iterator[str]:
    reasons = Counter(a.get("reason") for a in superseded_of(last).values())
    retried = sum(reasons[reason] for reason in ENDED_AS)
    failures = status_of(last).get("failures", 0)
    if retried > max(wish.retries, default=0):
        yield f"{wish.name}: {retried} new batches with a backoffLimit of {wish.retries}"
    if reasons["Suspended"] > wish.suspends:
        yield f"{wish.name}: suspended {wish.suspends} times, and {reasons['Suspended']} batches for it"
    said = conditions_of(last).get("Failed", {}).get("reason")
    ended = retried + (said in (*ENDED_AS, "BackoffLimitExceeded"))
    if failures != ended:
        yield f"{wish.name}: {failures} failures are counted, {ended} were"


def _explained(wish: Wish, last: Body, batch: Batch, deeds: Deeds) -> Iterator[str]:
    what = f"{wish.name}: {batch.name} ({batch.state}) of attempt {batch.attempt}"
    attempt, past = attempt_of(last), superseded_of(last).get(batch.attempt)
    if attempt.get("id") == batch.attempt:
        if attempt.get("batchName") not in (None, batch.name):
            yield f"{what} is not what the attempt names: {attempt['batchName']}"
        return
    if past is None:
        yield f"{what} is in no book"
        return
    reason = past.get("reason")
    if reason == "DuplicateCancelled" and batch.there:
        yield f"{what} was reported as cancelled and is there"
    if reason in ENDED_AS and batch.state != ENDED_AS[reason]:
        yield f"{what} was written down as {reason}"
    if reason is None and batch.there and not (wish.orphan or wish.forced):
        yield f"{what} was given up and is there"
    if reason is None and not wish.goes and batch.name not in deeds.deleted and not batch.there:
        yield f"{what} was deleted without a report"


def _cancelled_for_a_reason(wish: Wish, last: Body, batch: Batch, deeds: Deeds) -> Iterator[str]:
    if batch.state != "CANCELLED" or batch.name in deeds.cancelled:
        return
    past = superseded_of(last).get(batch.attempt, {})
    asked = wish.goes or not wish.ends_by_itself
    if not asked and past.get("reason") not in CAUSES_TO_CANCEL:
        yield f"{wish.name}: nobody asked to cancel {batch.name}"


def _one_after_the_other(wish: Wish, last: Body, batches: Sequence[Batch]) -> Iterator[str]:
    """No new attempt before the old batch has ended (P16), as far as an old one was known."""
    past = superseded_of(last)
    known = [
        b for b in batches if past.get(b.attempt, {}).get("reason") in ("Suspended", *ENDED_AS)
    ]
    for old in known:
        later = [b for b in batches if b.created > old.created]
        if later and old.there and (old.ended is None or old.ended > later[0].created):
            yield f"{wish.name}: {later[0].name} was created while {old.name} was open"


def _written_ahead(wish: Wish, versions: Sequence[Body], batches: Sequence[Batch]) -> Iterator[str]:
    recorded = {attempt_of(body).get("id") for body in versions}
    for batch in batches:
        if batch.attempt not in recorded:
            yield f"{wish.name}: {batch.name} was created without a write-ahead"
