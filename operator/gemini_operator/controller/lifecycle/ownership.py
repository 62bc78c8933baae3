"""Which job a batch belongs to, by the token Google shows and by the specs.

A status alone never decides, because anybody with access to `/status` can write one (P25, S7).
"""

from gemini_operator.controller.job import Job
from gemini_operator.gemini.remote import Summary
from gemini_operator.gemini.tokens import token_of


def recorded_ids(job: Job) -> frozenset[str]:
    """Return the ids of all attempts in the status."""
    current = (job.status.attempt,) if job.status.attempt else ()
    return frozenset(attempt.id for attempt in (*current, *job.status.superseded_attempts))


def owns(job: Job, summary: Summary) -> bool:
    """Return whether the job may follow, cancel, deliver or delete the batch.

    A submitted batch carries one of the job's tokens. An adopted batch is named in the spec and in
    the status, and carries the token of no third object. Whether another job comes first at the
    batch is a question for `Claims`.
    """
    if job.spec.adopt is not None:
        named = summary.name == job.spec.adopt.batch_name == job.status.batch_name
        return named and not belongs_to_another(job, summary)
    return carries_token(job, summary)


def carries_token(job: Job, summary: Summary, attempt_id: str | None = None) -> bool:
    """Return whether the batch has the token of `attempt_id`, or of any attempt in the status."""
    ids = recorded_ids(job) if attempt_id is None else {attempt_id}
    return summary.token in {token_of(job.uid, an_id) for an_id in ids}


def belongs_to_another(job: Job, summary: Summary) -> bool:
    """Return whether the batch has the token of an object other than `job` and its predecessor."""
    # Batches that were created without the operator have no token; any job may adopt them.
    if summary.token is None:
        return False
    # A token holds no more of the uid than its first 8 digits.
    previous = job.spec.adopt.previous_uid if job.spec.adopt else None
    return summary.token.uid8 not in {job.uid[:8], (previous or "")[:8]}


def over(job: Job) -> bool:
    """Return whether the job has ended or is being deleted."""
    return job.finished or job.deleting


def holds(job: Job, name: str) -> bool:
    """Return whether, by its status, the job submitted or adopted the batch."""
    return job.status.attempt is not None and job.status.attempt.batch_name == name


def comes_before(rival: Job, job: Job, batch: Summary) -> bool:
    """Return whether `rival` has more right to the batch than `job`, if its status is true.

    The job that adopted the batch from `job` comes first once `job` is over. Otherwise the job that
    submitted the batch comes first, then the oldest adopter that is not over.
    """
    if rival.uid == job.uid or not holds(rival, batch.name):
        return False
    if over(job) and rival.spec.adopt is not None and rival.spec.adopt.previous_uid == job.uid:
        return True
    if over(rival) or job.spec.adopt is None:
        return False
    return carries_token(rival, batch) or (rival.created, rival.uid) < (job.created, job.uid)
