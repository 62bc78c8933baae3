"""Write a verified event to the status of its job, with a single patch.

Google never sends an event again after a 2xx. So the response is a 2xx only if the API server has
the event, or if no job can ever need it (S13).
"""

from gemini_operator.api.group import GROUP, VERSION
from gemini_operator.api.v1alpha1.status import LastEvent
from gemini_operator.base import logs, metrics
from gemini_operator.callbacks.address import Target
from gemini_operator.kube import errors, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.receiver.responses import CallbackResponse, Result

# Tries of a patch that meets a 409, which the API server gives up after five of its own.
ATTEMPTS = 3

_ADVICE = {
    Result.DENIED: "refuses to record events; check the admission policies",
    Result.FORBIDDEN: "refuses to record events; check the receiver's RBAC",
    Result.NOT_SERVED: "does not serve the status of jobs; check the CRD and the receiver's cluster",
}
"""Results that an administrator has to fix, and how."""

_NO_FORMAT = "application/x-no-such-format"
_NOT_ACCEPTABLE = 406

_log = logs.get_logger(__name__)


class StatusProbe:
    """Finds out whether the API server serves the status of jobs.

    A patch is answered 404 where the job is gone, and with the same Status object where the CRD
    lacks the status subresource (kube-apiserver 1.37.2). A request for an unknown response format
    tells the two apart: where the status is served, the API server refuses the format with 406
    before it looks for the job. The probe is a patch, as that is the receiver's only right.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def is_served(self, target: Target) -> bool:
        """Whether the status of jobs can be written. Changes nothing.

        Raises:
            KubeError: the API server did not say.
        """
        space = "apis", GROUP, VERSION, "namespaces", target.namespace
        path = *space, target.plural, target.name, "status"
        try:
            await self._client.patch(*path, body=[], merge=False, accept=_NO_FORMAT)
        except errors.ObjectNotFound:
            return False
        except errors.KubeError as error:
            if error.status != _NOT_ACCEPTABLE:
                raise
        return True


class DeliveryRecorder:
    """Records verified events on their jobs."""

    def __init__(self, jobs: BatchJobs, probe: StatusProbe) -> None:
        self._jobs = jobs
        self._probe = probe

    async def record(self, target: Target, event: LastEvent) -> CallbackResponse:
        """Write the event to `status.lastEvent`. Every outcome is a response, none an error.

        The patch has tests: the API server refuses it for another job of the same name, and for one
        that is deleted, finished or in another attempt. An equal event changes nothing.
        """
        written = event.model_dump(mode="json", by_alias=True, exclude_none=True)
        return await self.write(target, patches.record_event(target.uid, target.attempt, written))

    async def write(self, target: Target, body: patches.JsonPatch) -> CallbackResponse:
        """Send a patch that records an event; try again where another write came in between."""
        response = CallbackResponse(Result.CONFLICT)
        for _ in range(ATTEMPTS):
            response = await self._patch(target, body)
            if response.result is not Result.CONFLICT:
                break
        return response

    async def _patch(self, target: Target, body: patches.JsonPatch) -> CallbackResponse:
        try:
            with metrics.RECEIVER_PATCH_SECONDS.time():
                await self._jobs.patch_status(
                    target.namespace, target.name, body, merge=False, metadata_only=True
                )
        except errors.KubeError as error:
            return _alerted(target, error, await self._response_to(target, error))
        return CallbackResponse(Result.RECORDED)

    def failed(self, target: Target, error: errors.KubeError) -> CallbackResponse:
        """Return the response to a delivery whose job could not be looked up."""
        return _alerted(target, error, response_to(error, target))

    async def _response_to(self, target: Target, error: errors.KubeError) -> CallbackResponse:
        response = response_to(error, target)
        # Only "gone" is checked once more: after a 200 Google never sends the event again.
        if response.result is not Result.IRRELEVANT or not isinstance(error, errors.ObjectNotFound):
            return response
        try:
            served = await self._probe.is_served(target)
        except errors.KubeError as failed:
            return response_to(failed, target)
        return response if served else CallbackResponse(Result.NOT_SERVED)


def response_to(error: errors.KubeError, target: Target) -> CallbackResponse:
    """The response to a delivery whose patch was refused or failed."""
    match error:
        case errors.ObjectNotFound():
            # Any other 404 means that the kind is not served, not that the job is gone.
            gone = error.missing == (GROUP, target.plural, target.name)
            return CallbackResponse(Result.IRRELEVANT if gone else Result.NOT_SERVED)
        # The schema or a policy refused the event, which an administrator has to fix.
        case errors.Invalid(has_causes=True):
            return CallbackResponse(Result.DENIED)
        # A test of the patch failed: the job is another one, deleted, finished or superseded.
        case errors.Invalid(reason="Invalid"):
            return CallbackResponse(Result.IRRELEVANT)
        case errors.Forbidden(namespace_terminating=True):
            return CallbackResponse(Result.IRRELEVANT)
        case errors.Forbidden() | errors.Unauthorized():
            return CallbackResponse(Result.FORBIDDEN)
        case errors.Conflict():
            return CallbackResponse(Result.CONFLICT)
        case errors.TooManyRequests():
            return CallbackResponse(Result.THROTTLED, error.retry_after)
    return CallbackResponse(Result.UNAVAILABLE, error.retry_after)


def _alerted(
    target: Target, error: errors.KubeError, response: CallbackResponse
) -> CallbackResponse:
    if response.result in _ADVICE:
        _alert(target, response.result, error)
    return response


def _alert(target: Target, result: Result, error: errors.KubeError) -> None:
    metrics.RECEIVER_REFUSED_WRITES.labels(result.value).inc()
    _log.error(
        f"the API server {_ADVICE[result]}",
        namespace=target.namespace,
        name=target.name,
        reason=error.reason,
        message=error.message,
    )
