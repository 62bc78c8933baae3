"""Records the name of a new batch in its job's status, so that the batch cannot be lost."""

from gemini_operator.controller.lifecycle import submission
from gemini_operator.controller.lifecycle.progress import with_progress
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.lifecycle.status import named, named_fields
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.reconcile.events import EventRecorder
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.store import Store
from gemini_operator.gemini.remote import Summary


class BatchNames:
    """Records names of batches.

    Args:
        store: tells whether the object is unreadable.
        writer: writes the names.
        events: reports that a job is submitted.
        cleanup: deletes a batch whose job is gone.
    """

    def __init__(
        self, store: Store, writer: Writer, events: EventRecorder, cleanup: Cleanup
    ) -> None:
        self._store = store
        self._writer = writer
        self._events = events
        self._cleanup = cleanup

    async def record(self, snapshot: Snapshot, batch: Summary) -> None:
        """Write the name of the current attempt's batch.

        Raises:
            Stale: the job has another attempt or batch, or is gone; then the batch is deleted.
            NotKept: the API server did not keep the name.
            GeminiError: the batch of a job that is gone could not be deleted.
        """
        job, attempt = snapshot.job, snapshot.status.attempt
        if attempt is None:
            raise Stale
        fields = named_fields(with_progress(snapshot, named(snapshot, batch)))
        try:
            await self._writer.name(job, attempt.id, fields)
        except Stale:
            # An unreadable object still exists, and its status may well have the name: its batch
            # must not be deleted as that of a job that is gone.
            if self._store.unreadable(job.key) is None:
                await self._cleanup.orphaned_create(snapshot, batch.name)
            raise
        self._events.post(job, [submission.submitted(snapshot, batch)])
