"""What the watch and our own writes have told so far: one projection for each object."""

from collections.abc import Callable, Iterable, Iterator

from gemini_operator.controller.job import Job, Key


class Store:
    """
    The newest known version of every job.

    Watch events and the answers to our own writes arrive in any order; the newer
    `resourceVersion` stays (rule P1), so that a pass never acts on an object older than its own
    last write.

    Args:
        changed: is told of every change, with what was known before and what is known now.
    """

    def __init__(self, changed: Callable[[Job | None, Job | None], None] | None = None) -> None:
        self._jobs: dict[Key, Job] = {}
        self._changed = changed or (lambda _before, _after: None)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    def get(self, key: Key) -> Job | None:
        return self._jobs.get(key)

    def put(self, job: Job) -> bool:
        """Keep `job` if it is newer than what is known; tells whether it was kept."""
        known = self._jobs.get(job.key)
        if known is not None and known.version >= job.version:
            return False
        self._jobs[job.key] = job
        self._changed(known, job)
        return True

    def remove(self, key: Key, uid: str | None = None) -> Job | None:
        """Forget an object; with `uid`, only that incarnation of the name."""
        known = self._jobs.get(key)
        if known is None or (uid is not None and known.uid != uid):
            return None
        del self._jobs[key]
        self._changed(known, None)
        return known

    def missing(self, expected: Iterable[tuple[Key, str, int]]) -> set[Key]:
        """The keys of `expected` (key, uid, version) of which no version as new was seen yet."""
        return {key for key, uid, version in expected if not self._has(key, uid, version)}

    def _has(self, key: Key, uid: str, version: int) -> bool:
        known = self._jobs.get(key)
        return known is not None and known.uid == uid and known.version >= version
