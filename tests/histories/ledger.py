"""The ledger: every batch that Google created for a job must be accounted for in its status."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tests.histories.environment import CREATE_TIMEOUT, GRACE
from tests.histories.expected import ExpectedJob, OutsideActions
from tests.histories.google import OPEN, Batch
from tests.histories.invariants import (
    Body,
    attempt_of,
    conditions_of,
    status_of,
    superseded_of,
)
from tests.histories.outages import MOST_LAG

CAUSES_TO_CANCEL = ("Suspended", "DuplicateCancelled")
ENDED_AS = {"RemoteFailed": "FAILED", "RemoteExpired": "EXPIRED"}


def batch_problems(
    job: ExpectedJob, versions: Sequence[Body], batches: Sequence[Batch], actions: OutsideActions
) -> list[str]:
    """
    Batches of a job that nobody asked for, or that its status does not report.

    Args:
        job: what was asked of the job.
        versions: of its object, oldest first; the last one is current or was deleted.
        batches: those of the job.
        actions: what others than the operator did.
    """
    last = versions[-1]
    found = [
        *_needless_duplicates(job, last, batches),
        *_batches_per_attempt(job, batches),
        *_counters(job, last),
    ]
    for batch in batches:
        found += _accounted_for(job, last, batch, actions)
        found += _cancelled_for_a_reason(job, last, batch, actions)
        if not batch.exists and batch.state in OPEN and batch.name not in actions.deleted:
            found.append(f"{job.name}: {batch.name} was deleted and not cancelled")
    found += _one_at_a_time(job, last, batches)
    found += _written_ahead(job, versions, batches)
    return found


def leftover_problems(
    job: ExpectedJob, last: Body, batches: Sequence[Batch], actions: OutsideActions
) -> list[str]:
    """Batches that a deleted job left at Google, or deleted against its policy."""
    mine = [b for b in batches if b.owner == job.uid[:8]]
    kept = attempt_of(last).get("batchName")
    if job.adopts:
        mine = [b for b in batches if b.name == kept]
    if job.forced:
        return []
    if job.orphan:
        taken = [b.name for b in mine if b.name == kept and not b.exists]
        unasked = [name for name in taken if name not in actions.deleted]
        return [f"{job.name} was to leave {name} at Google" for name in unasked]
    if not job.adopts:
        mine = [b for b in mine if b.name not in actions.taken_over]
    return [f"{job.name} is gone and left {b.name} at Google, {b.state}" for b in mine if b.exists]


def _needless_duplicates(job: ExpectedJob, last: Body, batches: Sequence[Batch]) -> Iterator[str]:
    """A duplicate is allowed only if Google hid the first batch for longer than the grace (P12)."""
    grace = timedelta(seconds=CREATE_TIMEOUT + GRACE - MOST_LAG)
    for batch in batches:
        past = superseded_of(last).get(batch.attempt, {})
        if past.get("reason") != "DuplicateCancelled" or batch.attempt in job.resubmitted:
            continue
        if _time(batch.created) < _time(past["startTime"]) + grace:
            yield f"{job.name}: {batch.name} was given up though it could be seen in time"


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _batches_per_attempt(job: ExpectedJob, batches: Sequence[Batch]) -> Iterator[str]:
    for attempt, number in Counter(batch.attempt for batch in batches).items():
        if number > 1:
            yield f"{job.name}: attempt {attempt} was carried out {number} times"


def _counters(job: ExpectedJob, last: Body) -> Iterator[str]:
    reasons = Counter(a.get("reason") for a in superseded_of(last).values())
    retried = sum(reasons[reason] for reason in ENDED_AS)
    failures = status_of(last).get("failures", 0)
    if retried > max(job.retries, default=0):
        yield f"{job.name}: {retried} new batches with a backoffLimit of {job.retries}"
    if reasons["Suspended"] > job.suspends:
        yield f"{job.name}: suspended {job.suspends} times, and {reasons['Suspended']} batches for it"
    said = conditions_of(last).get("Failed", {}).get("reason")
    ended = retried + (said in (*ENDED_AS, "BackoffLimitExceeded"))
    if failures != ended:
        yield f"{job.name}: {failures} failures are counted, {ended} were"


def _accounted_for(
    job: ExpectedJob, last: Body, batch: Batch, actions: OutsideActions
) -> Iterator[str]:
    what = f"{job.name}: {batch.name} ({batch.state}) of attempt {batch.attempt}"
    attempt, past = attempt_of(last), superseded_of(last).get(batch.attempt)
    if attempt.get("id") == batch.attempt:
        if attempt.get("batchName") not in (None, batch.name):
            yield f"{what} is not what the attempt names: {attempt['batchName']}"
        return
    if past is None:
        yield f"{what} is not in the status"
        return
    reason = past.get("reason")
    if reason == "DuplicateCancelled" and batch.exists:
        yield f"{what} was reported as cancelled and is there"
    if reason in ENDED_AS and batch.state != ENDED_AS[reason]:
        yield f"{what} was written down as {reason}"
    if reason is None and batch.exists and not (job.orphan or job.forced):
        yield f"{what} was given up and is there"
    if (
        reason is None
        and not job.deletes_batches
        and batch.name not in actions.deleted
        and not batch.exists
    ):
        yield f"{what} was deleted without a report"


def _cancelled_for_a_reason(
    job: ExpectedJob, last: Body, batch: Batch, actions: OutsideActions
) -> Iterator[str]:
    if batch.state != "CANCELLED" or batch.name in actions.cancelled:
        return
    past = superseded_of(last).get(batch.attempt, {})
    asked = job.deletes_batches or not job.uninterrupted
    if not asked and past.get("reason") not in CAUSES_TO_CANCEL:
        yield f"{job.name}: nobody asked to cancel {batch.name}"


def _one_at_a_time(job: ExpectedJob, last: Body, batches: Sequence[Batch]) -> Iterator[str]:
    """No new attempt starts before the old batch has ended, if the old one was known (P16)."""
    past = superseded_of(last)
    known = [
        b for b in batches if past.get(b.attempt, {}).get("reason") in ("Suspended", *ENDED_AS)
    ]
    for old in known:
        later = [b for b in batches if b.created > old.created]
        if later and old.exists and (old.ended is None or old.ended > later[0].created):
            yield f"{job.name}: {later[0].name} was created while {old.name} was open"


def _written_ahead(
    job: ExpectedJob, versions: Sequence[Body], batches: Sequence[Batch]
) -> Iterator[str]:
    recorded = {attempt_of(body).get("id") for body in versions}
    for batch in batches:
        if batch.attempt not in recorded:
            yield f"{job.name}: {batch.name} was created without a write-ahead"
