"""From a verified event to a durable one: a single patch, and what its outcome means to Google.

A 2xx hands the event over to us for good, so it is given only when the API server has the event or
can never want it (protocol A, S13).
"""

from gemini_operator.api.status import LastEvent
from gemini_operator.callbacks.address import Target
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.receiver.answers import Answer, Result
from gemini_operator.telemetry import logs, metrics

ATTEMPTS = 3

_log = logs.get_logger(__name__)


class Acknowledger:
    """Records events on the jobs they are for."""

    def __init__(self, jobs: BatchJobs) -> None:
        self._jobs = jobs

    async def record(self, target: Target, event: LastEvent) -> Answer:
        """Write the event down as `status.lastEvent`; every outcome is an answer, none an error.

        The patch itself refuses jobs that are another, deleted, finished or superseded. An equal
        event changes nothing at the API server.
        """
        written = event.model_dump(mode="json", by_alias=True, exclude_none=True)
        body = patches.record_event(target.uid, target.attempt, written)
        answer = Answer(Result.CONFLICT)
        for _ in range(ATTEMPTS):
            answer = await self._patch(target, body)
            if answer.result is not Result.CONFLICT:
                break
        return answer

    async def _patch(self, target: Target, body: patches.JsonPatch) -> Answer:
        try:
            with metrics.RECEIVER_PATCH_SECONDS.time():
                await self._jobs.patch_status(
                    target.namespace, target.name, body, merge=False, metadata_only=True
                )
        except errors.KubeError as error:
            answer = answer_to(error)
            if answer.result in (Result.DENIED, Result.FORBIDDEN):
                _alert(target, answer.result, error)
            return answer
        return Answer(Result.RECORDED)


def answer_to(error: errors.KubeError) -> Answer:
    """What a refused or failed patch means for the delivery."""
    match error:
        # A 404 without a Status object says that the kind isn't served, not that the job is gone.
        case errors.NotFound(reason="NotFound"):
            return Answer(Result.IRRELEVANT)
        case errors.Invalid(has_causes=False):
            return Answer(Result.IRRELEVANT)
        case errors.Invalid():
            return Answer(Result.DENIED)
        case errors.Forbidden(namespace_terminating=True):
            return Answer(Result.IRRELEVANT)
        case errors.Forbidden() | errors.Unauthorized():
            return Answer(Result.FORBIDDEN)
        case errors.Conflict():
            return Answer(Result.CONFLICT)
        case errors.TooManyRequests():
            return Answer(Result.THROTTLED, error.retry_after)
    return Answer(Result.UNAVAILABLE, error.retry_after)


def _alert(target: Target, result: Result, error: errors.KubeError) -> None:
    metrics.RECEIVER_REFUSED_WRITES.labels(result.value).inc()
    _log.error(
        "the API server refuses to record events; check the receiver's RBAC and admission policies",
        namespace=target.namespace,
        name=target.name,
        reason=error.reason,
        message=error.message,
    )
