"""Whose batch is it? The token at the end of its display name says so (rules P9, S6, S7)."""

from gemini_operator.controller.job import Job
from gemini_operator.gemini.remote import Summary
from gemini_operator.gemini.tokens import token_of


def recorded_ids(job: Job) -> frozenset[str]:
    """The ids of every attempt that the status knows."""
    current = (job.status.attempt,) if job.status.attempt else ()
    return frozenset(attempt.id for attempt in (*current, *job.status.superseded_attempts))


def owns(job: Job, summary: Summary) -> bool:
    """
    Whether the job may follow, cancel, deliver or delete the batch.

    An adopted batch carries no token of the job: it is the one that the spec names (S7, P25).
    """
    if job.spec.adopt is not None:
        return summary.name == job.spec.adopt.batch_name == job.status.batch_name
    return carries_token(job, summary)


def carries_token(job: Job, summary: Summary, attempt_id: str | None = None) -> bool:
    """Whether the batch was submitted for `job`: by `attempt_id`, or by any recorded attempt."""
    ids = recorded_ids(job) if attempt_id is None else {attempt_id}
    return summary.token in {token_of(job.uid, an_id) for an_id in ids}
