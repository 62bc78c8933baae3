"""From a verified event to a durable one: a single patch, and what its outcome means to Google.

A 2xx hands the event over to us for good, so it is given only when the API server has the event or
can never want it (protocol A, S13).
"""

from gemini_operator.api.group import GROUP
from gemini_operator.api.status import LastEvent
from gemini_operator.callbacks.address import Target
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.receiver.answers import Answer, Result
from gemini_operator.receiver.probe import StatusProbe
from gemini_operator.telemetry import logs, metrics

ATTEMPTS = 3

_FAULTS = {
    Result.DENIED: "refuses to record events; check the admission policies",
    Result.FORBIDDEN: "refuses to record events; check the receiver's RBAC",
    Result.NOT_SERVED: "does not serve the status of jobs; check the CRD and the receiver's cluster",
}
"""Results that are the installation's fault, and what to tell its administrator."""

_log = logs.get_logger(__name__)


class Acknowledger:
    """Records events on the jobs they are for."""

    def __init__(self, jobs: BatchJobs, probe: StatusProbe) -> None:
        self._jobs = jobs
        self._probe = probe

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
            answer = await self._answer_to(target, error)
            if answer.result in _FAULTS:
                _alert(target, answer.result, error)
            return answer
        return Answer(Result.RECORDED)

    async def _answer_to(self, target: Target, error: errors.KubeError) -> Answer:
        answer = answer_to(error, target)
        if answer.result is not Result.IRRELEVANT or not isinstance(error, errors.NotFound):
            return answer
        try:
            served = await self._probe.is_served(target)
        except errors.KubeError as trouble:
            return answer_to(trouble, target)
        return answer if served else Answer(Result.NOT_SERVED)


def answer_to(error: errors.KubeError, target: Target) -> Answer:
    """What a refused or failed patch means for the delivery."""
    match error:
        case errors.NotFound():
            # Any other 404 says that the kind is not served, not that the job is gone.
            gone = error.missing == (GROUP, target.plural, target.name)
            return Answer(Result.IRRELEVANT if gone else Result.NOT_SERVED)
        case errors.Invalid(has_causes=True):
            return Answer(Result.DENIED)
        case errors.Invalid(reason="Invalid"):
            return Answer(Result.IRRELEVANT)
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
        f"the API server {_FAULTS[result]}",
        namespace=target.namespace,
        name=target.name,
        reason=error.reason,
        message=error.message,
    )
