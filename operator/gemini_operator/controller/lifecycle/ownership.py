"""Whose batch is it? What Google says of it, and the specs, decide; no status does by itself.

Rules P9, P25, S6, S7.
"""

from gemini_operator.controller.job import Job
from gemini_operator.gemini.remote import Summary
from gemini_operator.gemini.tokens import token_of


def recorded_ids(job: Job) -> frozenset[str]:
    """The ids of every attempt that the status knows."""
    current = (job.status.attempt,) if job.status.attempt else ()
    return frozenset(attempt.id for attempt in (*current, *job.status.superseded_attempts))


def owns(job: Job, summary: Summary) -> bool:
    """
    Whether the job may follow, cancel, deliver or delete the batch, as far as it itself tells.

    An adopted batch is the one that the spec names, and no other object's but the one named there.
    """
    if job.spec.adopt is not None:
        named = summary.name == job.spec.adopt.batch_name == job.status.batch_name
        return named and not belongs_to_another(job, summary)
    return carries_token(job, summary)


def carries_token(job: Job, summary: Summary, attempt_id: str | None = None) -> bool:
    """Whether the batch was submitted for `job`: by `attempt_id`, or by any recorded attempt."""
    ids = recorded_ids(job) if attempt_id is None else {attempt_id}
    return summary.token in {token_of(job.uid, an_id) for an_id in ids}


def belongs_to_another(job: Job, summary: Summary) -> bool:
    """Whether the batch was submitted for an object that is neither `job` nor the one it follows."""
    if summary.token is None:
        return False
    previous = job.spec.adopt.previous_uid if job.spec.adopt else None
    return summary.token.uid8 not in {job.uid[:8], (previous or "")[:8]}


def over(job: Job) -> bool:
    """Whether the job has ended or is being deleted."""
    return job.finished or job.deleting


def holds(job: Job, name: str) -> bool:
    """Whether the status says that the job submitted or adopted the batch."""
    return job.status.attempt is not None and job.status.attempt.batch_name == name


def comes_before(rival: Job, job: Job, batch: Summary) -> bool:
    """
    Whether `rival`, if what it says is true, has more right to the batch than `job`.

    The heir that adopted it from `job` has, once `job` is over. Apart from that, who submitted a
    batch comes first, and of several who adopted it the oldest that is not over.
    """
    if rival.uid == job.uid or not holds(rival, batch.name):
        return False
    if over(job) and rival.spec.adopt is not None and rival.spec.adopt.previous_uid == job.uid:
        return True
    if over(rival) or job.spec.adopt is None:
        return False
    return carries_token(rival, batch) or (rival.created, rival.uid) < (job.created, job.uid)
