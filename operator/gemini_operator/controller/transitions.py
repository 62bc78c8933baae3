"""Logs what happens to a job, each change once: from two versions of it that follow each other.

The store has every version at most once, whether the watch or the answer to a write brought it. So
a change is logged once, and also if a write and the watch cross.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gemini_operator.api.conditions import (
    COMPLETE,
    FAILED,
    STALLED,
    SUBMITTED,
    SUSPENDED,
    Condition,
    find,
    find_reason,
    is_true,
)
from gemini_operator.api.reasons import Reason
from gemini_operator.api.states import State
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.status import QUOTAS

log = get_logger(__name__)


@dataclass(frozen=True)
class Line:
    """One line of the log.

    Args:
        event: what happened.
        fields: its particulars; `reason` says why, in a word of the API.
        warning: somebody has to act, or money was spent for nothing.
    """

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    warning: bool = False


class Transitions:
    """Logs the changes of jobs.

    Args:
        acting: whether this process is the one that acts. A standby sees the same changes.
    """

    def __init__(self, acting: Callable[[], bool]) -> None:
        self._acting = acting

    def changed(self, before: Job | None, after: Job | None) -> None:
        """Log what is new in `after`. A job that is seen for the first time has no news."""
        known = after or before
        if before is None or known is None or not self._acting():
            return
        for line in lines(before, after):
            say = log.warning if line.warning else log.info
            say(line.event, **known.key._asdict(), **line.fields)


def lines(before: Job, after: Job | None) -> Iterator[Line]:
    """Yield what is new in `after`, a later version of the job, or `None` if the object is gone."""
    if after is None:
        yield Line("a job is gone")
        return
    # Another object of the same name.
    if before.uid != after.uid:
        return
    if after.deleting and not before.deleting:
        yield Line("a job is being deleted", {"by": _deleted_by(after)})
    news = [
        *_of_the_batch(before, after),
        *_of_the_user(before, after),
        *_of_stalled(before, after),
        *_of_throttled(before, after),
    ]
    if after.finished and not before.finished:
        news.append(Line("a job has ended", {"state": after.status.state, "reason": _end(after)}))
    # A job that waits tries again, and is Submitting for a moment each time.
    elif not news and _trouble(after) is None and after.status.state != before.status.state:
        submitted = find(after.status.conditions, SUBMITTED)
        reason = {} if submitted is None else {"reason": submitted.reason}
        news.append(Line("a job has a new state", {"state": after.status.state, **reason}))
    yield from news


def _of_the_batch(before: Job, after: Job) -> Iterator[Line]:
    batch, attempt = after.status.batch_name, after.status.attempt
    if batch is not None and batch != before.status.batch_name:
        adopted = find_reason(after.status.conditions, SUBMITTED) == Reason.ADOPTED
        what = "a job has adopted its batch" if adopted else "a job was submitted"
        yield Line(what, {"batch": batch, "attempt": attempt.number if attempt else None})
    if after.status.failures > before.status.failures and not after.finished:
        yield Line(
            "a batch has failed and the job is retried",
            {"batch": before.status.batch_name, "failures": after.status.failures},
            warning=True,
        )


def _of_the_user(before: Job, after: Job) -> Iterator[Line]:
    if after.status.state == State.CANCELLING != before.status.state:
        fields = {"batch": after.status.batch_name, "reason": _cancelled_for(after)}
        yield Line("a job is being cancelled", fields)
    was, now = (is_true(job.status.conditions, SUSPENDED) for job in (before, after))
    if now and not was:
        yield Line("a job is suspended")
    if was and not now and not after.finished:
        yield Line("a job was resumed")


def _of_stalled(before: Job, after: Job) -> Iterator[Line]:
    was, now = (_trouble(job) for job in (before, after))
    known = None if was is None else (was.reason, was.status)
    if now is not None and (now.reason, now.status) != known:
        what = "a job is stalled" if now.status == "True" else "a job waits"
        yield Line(what, {"reason": now.reason, "detail": now.message}, warning=True)
    if was is not None and now is None and not after.finished:
        yield Line("a job has recovered", {"reason": was.reason})


def _of_throttled(before: Job, after: Job) -> Iterator[Line]:
    """Yield that a quota at Google keeps the job waiting, which is no trouble of its own."""
    was, now = (
        find_reason(before.status.conditions, SUBMITTED),
        find(after.status.conditions, SUBMITTED),
    )
    if now is not None and now.reason in QUOTAS and now.reason != was:
        yield Line("a job waits", {"reason": now.reason, "detail": now.message}, warning=True)


def _trouble(job: Job) -> Condition | None:
    # A job that has failed is stalled too, but its end is a line of its own.
    return None if job.finished else find(job.status.conditions, STALLED)


def _end(job: Job) -> str | None:
    kind = COMPLETE if is_true(job.status.conditions, COMPLETE) else FAILED
    return find_reason(job.status.conditions, kind)


def _cancelled_for(job: Job) -> str:
    if job.spec.shutdown is not None:
        return "spec.shutdown"
    suspended = find_reason(job.status.conditions, SUSPENDED)
    return "spec.suspend" if suspended == Reason.SUSPENDING else "spec.activeDeadlineSeconds"


def _deleted_by(job: Job) -> str:
    """Tell our own deletion from others; of those the object does not show whose they are."""
    ttl, end = job.spec.ttl_seconds_after_finished, job.status.completion_time
    if ttl is None or end is None or job.deletion_time is None:
        return "a user or the namespace"
    due = end + timedelta(seconds=ttl)
    return "ttlSecondsAfterFinished" if due <= job.deletion_time else "a user or the namespace"
