"""The jobs that use quota: those that have, or may have, an open batch.

A job uses a slot from its write-ahead to its end, also while the outcome of its create is unknown.
Usage is computed from statuses alone, so a restarted controller counts the same (P23).
"""

from collections import Counter
from typing import NamedTuple, Protocol

from gemini_operator.controller.job import Job, Key, KeyRef


class OpenBatch(NamedTuple):
    """A batch that is open, or may be.

    Args:
        key: its job.
        uid: of the job; the salt of `fingerprint`.
        ref: the Secret that the job names; it may hold another key by now.
        fingerprint: of the API key that created the batch; `None` if the status has none.
    """

    key: Key
    uid: str
    ref: KeyRef
    fingerprint: str | None


class Listener(Protocol):
    """Is called when usage changes."""

    def used(self, batch: OpenBatch) -> None:
        """A job began to use a slot."""

    def freed(self, batch: OpenBatch) -> None:
        """A job stopped using its slot."""

    def release(self, key: Key) -> None:
        """An object is gone, names another Secret, or its name belongs to another object."""


def uses_quota(job: Job) -> bool:
    """Return whether the job uses a slot."""
    return job.status.attempt is not None and not job.finished


class QuotaUsage:
    """The slots in use. The store reports every change to it."""

    def __init__(self) -> None:
        self._open: dict[Key, OpenBatch] = {}
        self._by_ref: Counter[KeyRef] = Counter()
        self._listener: Listener | None = None

    def __len__(self) -> int:
        return len(self._open)

    def count(self, ref: KeyRef) -> int:
        """Return the number of slots used by jobs that name the Secret `ref`."""
        return self._by_ref[ref]

    def notify(self, listener: Listener) -> None:
        """Report every change to `listener` from now on."""
        self._listener = listener

    def changed(self, before: Job | None, after: Job | None) -> None:
        """Update the usage for a changed object.

        Args:
            before: the version known so far; `None` for a new object.
            after: the newest version; `None` if the object is gone.
        """  # Nothing may be carried over to another object under the same name, or to another Secret.
        if before is not None and not self._same(before, after):
            self._release(before.key)
            if self._listener is not None:
                self._listener.release(before.key)
        if after is None:
            return
        batch = self._batch(after) if uses_quota(after) else None
        if batch == self._open.get(after.key):
            return
        self._release(after.key)
        if batch is not None:
            self._take(batch)

    def _same(self, before: Job, after: Job | None) -> bool:
        if after is None or after.uid != before.uid:
            return False
        return after.api_key == before.api_key

    def _batch(self, job: Job) -> OpenBatch:
        attempt = job.status.attempt
        recorded = None if attempt is None else attempt.api_key_fingerprint
        return OpenBatch(job.key, job.uid, job.api_key, recorded)

    def _take(self, batch: OpenBatch) -> None:
        self._open[batch.key] = batch
        self._by_ref[batch.ref] += 1
        if self._listener is not None:
            self._listener.used(batch)

    def _release(self, key: Key) -> None:
        batch = self._open.pop(key, None)
        if batch is None:
            return
        self._by_ref[batch.ref] -= 1
        if not self._by_ref[batch.ref]:
            del self._by_ref[batch.ref]
        if self._listener is not None:
            self._listener.freed(batch)
