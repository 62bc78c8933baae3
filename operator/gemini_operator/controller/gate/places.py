"""Which jobs hold one of their API key's places: those that have, or may have, an open batch.

A place is held from the write-ahead to the end, an unknown outcome included. It is read off the
statuses alone, so a process that was killed leaves the next one with the same places (rule P23).
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

from gemini_operator.controller.job import Job, Key, KeyRef


class Watcher(Protocol):
    """Whoever counts places."""

    def taken(self, ref: KeyRef, key: Key) -> None:
        """A job holds a place now."""

    def freed(self, ref: KeyRef) -> None:
        """A job holds its place no more."""

    def gone(self, key: Key) -> None:
        """An object is gone, or another one has its name."""


def held_by(job: Job) -> bool:
    """Whether the job holds a place."""
    return job.status.attempt is not None and not job.finished


class Places:
    """
    The held places by Secret reference; the store tells of every change.

    Args:
        api_key: the Secret that a job uses.
    """

    def __init__(self, api_key: Callable[[Job], KeyRef]) -> None:
        self.api_key = api_key
        self._held: defaultdict[KeyRef, set[Key]] = defaultdict(set)
        self._total = 0
        self._watcher: Watcher | None = None

    def __len__(self) -> int:
        return self._total

    def count(self, ref: KeyRef) -> int:
        """Places held with the Secret `ref`."""
        return len(self._held.get(ref, ()))

    def tell(self, watcher: Watcher) -> None:
        """Tell `watcher` of every change from now on."""
        self._watcher = watcher

    def changed(self, before: Job | None, after: Job | None) -> None:
        """The newest version of an object is `after`; `None` when it is gone."""
        if before is not None and not self._same(before, after):
            self._release(before)
            if self._watcher is not None:
                self._watcher.gone(before.key)
        if after is not None and held_by(after):
            self._take(after)
        elif after is not None:
            self._release(after)

    def _same(self, before: Job, after: Job | None) -> bool:
        if after is None or after.uid != before.uid:
            return False
        return self.api_key(after) == self.api_key(before)

    def _take(self, job: Job) -> None:
        ref = self.api_key(job)
        if job.key in self._held.get(ref, ()):
            return
        self._held[ref].add(job.key)
        self._total += 1
        if self._watcher is not None:
            self._watcher.taken(ref, job.key)

    def _release(self, job: Job) -> None:
        ref = self.api_key(job)
        held = self._held.get(ref)
        if held is None or job.key not in held:
            return
        held.remove(job.key)
        self._total -= 1
        if not held:
            del self._held[ref]
        if self._watcher is not None:
            self._watcher.freed(ref)
