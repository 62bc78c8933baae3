"""Jobs under a CRD that is older than this operator: nothing is sent for them (decision 0021)."""

from gemini_operator.api.reasons import Reason
from gemini_operator.base.clock import Clock
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.quota.quota import Quota
from gemini_operator.controller.reconcile.write_errors import NotKept
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.served_schema import ServedSchema
from gemini_operator.controller.workqueue import KeyedQueue

# Seconds without a reconcile after a write that the API server did not keep, unless the job is
# deleted. The watch events of that write and of its reversal would otherwise cause the next try.
LEFT_ALONE = 1.0


class OutdatedSchema:
    """Holds jobs back until the CRD is updated.

    Args:
        schema: tells which fields the CRD in the cluster lacks.
        writer: stalls jobs.
        quota: their slots are released.
        queue: retries them.
        clock: times the pause after a write that was not kept.
    """

    def __init__(
        self, schema: ServedSchema, writer: Writer, quota: Quota, queue: KeyedQueue, clock: Clock
    ) -> None:
        self._schema = schema
        self._writer = writer
        self._quota = quota
        self._queue = queue
        self._clock = clock

    def holds_back(self, snapshot: Snapshot) -> bool:
        """Return whether the job has to wait for the CRD to be updated.

        Any write to a job for which something was done would drop for good the fields that the
        older CRD hides.

        Raises:
            NotKept: nothing was done for the job yet, so that it can be stalled.
        """
        if not self._schema.missing:
            return False
        status = snapshot.status
        if status.attempt is None and status.batch_name is None and not snapshot.job.has_finalizer:
            raise NotKept(self._schema.missing)
        self._quota.release(snapshot.job.key)
        self._queue.back_off(snapshot.job.key)
        return True

    async def not_kept(self, snapshot: Snapshot, lost: NotKept) -> None:
        """Stall a job whose write the API server did not keep, and check the CRD.

        Raises:
            Stale: the object has changed since.
            KubeError: the API server did not accept the write.
        """
        key = snapshot.job.key
        self._quota.release(key)
        self._schema.suspect()
        snapshot.facts.unkept_until = self._clock.monotonic() + LEFT_ALONE
        self._queue.back_off(key)
        if not snapshot.job.finished:
            await self._writer.stall(snapshot, Reason.SCHEMA_OUTDATED, str(lost))
