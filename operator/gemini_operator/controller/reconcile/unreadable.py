"""Objects that do not fit the schema of this version: they are stalled, and affect no other job."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gemini_operator.api import group
from gemini_operator.api.conditions import RECONCILING, STALLED, Condition
from gemini_operator.api.reasons import Reason
from gemini_operator.base import metrics
from gemini_operator.base.clock import Clock
from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import UnreadableJob
from gemini_operator.controller.lifecycle.decisions import Event
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.kube.errors import Invalid

log = get_logger(__name__)


class UnreadableJobs:
    """Stalls unreadable objects, and removes their finalizer if a user forces the deletion.

    Args:
        writer: writes conditions and removes finalizers.
        events: posts Events.
        clock: dates the condition.
    """

    def __init__(self, writer: Writer, events: EventRecorder, clock: Clock) -> None:
        self._writer = writer
        self._events = events
        self._clock = clock

    async def reconcile(self, job: UnreadableJob) -> None:
        """Stall the object with what does not fit, or remove its finalizer if that is forced.

        Its batch is not known, so nothing is done at Google, and a deletion waits for a user.

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not accept the write.
        """
        if job.deleting and group.FINALIZER not in job.finalizers:
            return
        if job.deleting and job.force_delete:
            await self._release(job)
        elif await self._stall(job):
            reason = Reason.INTERNAL
            self._events.post(job, [Event(reason, reason.explain(job.problem), warning=True)])

    async def _stall(self, job: UnreadableJob) -> bool:
        """Write the condition; return whether an Event is due."""
        conditions = _with_stalled(job, self._clock.now())
        if conditions is None:
            return False
        try:
            await self._writer.conditions(job, conditions, Reason.INTERNAL)
        except Invalid as error:
            # The stored spec breaks the rules of today's CRD, so the API server refuses every write
            # to it. The Event is then all that tells the user.
            log.warning(
                "the status of an invalid object could not be written",
                **job.key._asdict(),
                error=str(error),
            )
        return True

    async def _release(self, job: UnreadableJob) -> None:
        await self._writer.remove_finalizer(job)
        metrics.BATCHES_LEFT_BEHIND.inc()
        log.error("a batch may be left behind at Google", **job.key._asdict(), detail=job.problem)
        reason = Reason.BATCH_LEFT_BEHIND
        detail = "The object could not be read, so its batch is not known."
        self._events.post(job, [Event(reason, reason.explain(detail), warning=True)])


def _with_stalled(job: UnreadableJob, now: datetime) -> list[Mapping[str, Any]] | None:
    """Return the object's conditions with `Stalled`; `None` if they have it already."""
    # Plain dictionaries, as the conditions of such an object may not fit our model either.
    reason = Reason.INTERNAL
    message = reason.explain(
        f"The object does not fit this version of the operator: {job.problem}."
    )
    others = [each for each in job.conditions if each["type"] not in (STALLED, RECONCILING)]
    said = next((each for each in job.conditions if each["type"] == STALLED), {})
    if (said.get("reason"), said.get("message")) == (reason.value, message):
        return None
    stalled = Condition(
        type=STALLED,
        status="True",
        reason=reason.value,
        message=message,
        last_transition_time=now,
    )
    return [*others, stalled.model_dump(mode="json", by_alias=True, exclude_none=True)]
