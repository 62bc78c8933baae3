"""Which jobs hold one of their API key's places: those that have, or may have, an open batch.

A place is held from the write-ahead to the end, an unknown outcome included. It is read off the
statuses alone, so a process that was killed leaves the next one with the same places (rule P23).
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

from gemini_operator.controller.job import Job, Key, KeyRef


class OpenBatch(NamedTuple):
    """
    A batch that is open, or may be.

    Args:
        key: its job.
        uid: of the job; the salt of `fingerprint`.
        ref: the Secret that the job names, whatever it holds now.
        fingerprint: of the API key that created the batch; `None` where nobody wrote it down.
    """

    key: Key
    uid: str
    ref: KeyRef
    fingerprint: str | None


class Watcher(Protocol):
    """Whoever counts places."""

    def taken(self, batch: OpenBatch) -> None:
        """A job holds a place now."""

    def freed(self, batch: OpenBatch) -> None:
        """A job holds its place no more."""

    def gone(self, key: Key) -> None:
        """An object is gone, or another one has its name."""


def held_by(job: Job) -> bool:
    """Whether the job holds a place."""
    return job.status.attempt is not None and not job.finished


class Places:
    """
    The held places; the store tells of every change.

    Args:
        api_key: the Secret that a job uses.
    """

    def __init__(self, api_key: Callable[[Job], KeyRef]) -> None:
        self.api_key = api_key
        self._held: dict[Key, OpenBatch] = {}
        self._by_ref: Counter[KeyRef] = Counter()
        self._watcher: Watcher | None = None

    def __len__(self) -> int:
        return len(self._held)

    def count(self, ref: KeyRef) -> int:
        """Places held by jobs that name the Secret `ref`."""
        return self._by_ref[ref]

    def tell(self, watcher: Watcher) -> None:
        """Tell `watcher` of every change from now on."""
        self._watcher = watcher

    def changed(self, before: Job | None, after: Job | None) -> None:
        """The newest version of an object is `after`; `None` when it is gone."""
        if before is not None and not self._same(before, after):
            self._release(before.key)
            if self._watcher is not None:
                self._watcher.gone(before.key)
        if after is None:
            return
        batch = self._batch(after) if held_by(after) else None
        if batch == self._held.get(after.key):
            return
        self._release(after.key)
        if batch is not None:
            self._take(batch)

    def _same(self, before: Job, after: Job | None) -> bool:
        if after is None or after.uid != before.uid:
            return False
        return self.api_key(after) == self.api_key(before)

    def _batch(self, job: Job) -> OpenBatch:
        attempt = job.status.attempt
        recorded = None if attempt is None else attempt.api_key_fingerprint
        return OpenBatch(job.key, job.uid, self.api_key(job), recorded)

    def _take(self, batch: OpenBatch) -> None:
        self._held[batch.key] = batch
        self._by_ref[batch.ref] += 1
        if self._watcher is not None:
            self._watcher.taken(batch)

    def _release(self, key: Key) -> None:
        batch = self._held.pop(key, None)
        if batch is None:
            return
        self._by_ref[batch.ref] -= 1
        if not self._by_ref[batch.ref]:
            del self._by_ref[batch.ref]
        if self._watcher is not None:
            self._watcher.freed(batch)
