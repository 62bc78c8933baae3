"""The cache of all objects, filled by the watch and by the answers to our own writes."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from gemini_operator.controller.job import Job, Key, UnreadableJob

# Called with the version of a job known before and the new one.
Changed = Callable[[Job | None, Job | None], None]


class Store:
    """The newest known version of every job.

    Watch events and the answers to our own writes arrive in any order. The newer `resourceVersion`
    stays, so that a reconcile never acts on an object older than its own last write (P1). An object
    that cannot be read is known to exist, but is not among the jobs.

    Args:
        changed: called at every change with the version known before and the new one.
        answered: called with every version that is the answer to our own request.
    """

    def __init__(
        self,
        changed: Changed | None = None,
        answered: Callable[[Key, int], None] | None = None,
    ) -> None:
        self._jobs: dict[Key, Job] = {}
        self._unreadable: dict[Key, UnreadableJob] = {}
        self._adopting: dict[Key, Job] = {}
        # The last readable versions of objects that are unreadable now.
        self._hidden: dict[Key, Job] = {}
        self._outputs: defaultdict[tuple[str, str], dict[Key, Job]] = defaultdict(dict)
        # Objects whose known version may lack fields.
        self._doubted: set[Key] = set()
        self._changed = changed or (lambda _before, _after: None)
        self._answered = answered or (lambda _key, _version: None)

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(tuple(self._jobs.values()))

    @property
    def adopting(self) -> tuple[Job, ...]:
        """The jobs that adopt a batch, or have done so."""
        return tuple(self._adopting.values())

    def delivering_to(self, namespace: str, config_map: str) -> tuple[Job, ...]:
        """The jobs of a namespace whose results go to that ConfigMap."""
        return tuple(self._outputs.get((namespace, config_map), {}).values())

    @property
    def unreadable_count(self) -> int:
        """The number of objects that cannot be read."""
        return len(self._unreadable)

    def get(self, key: Key) -> Job | None:
        return self._jobs.get(key)

    def unreadable(self, key: Key) -> UnreadableJob | None:
        """Return the object `key` if it cannot be read."""
        return self._unreadable.get(key)

    def put(self, found: Job | UnreadableJob, *, answered: bool = False) -> bool:
        """Store `found` if it is newer than the known version.

        Args:
            found: a version of an object.
            answered: it is the answer to our own request. Of two copies of one version this one
                counts, since a watch uses the schema of the CRD at its start.

        Returns:
            Whether it was stored.
        """
        if answered:
            self._answered(found.key, found.version)
        known = self._known(found.key)
        if known is not None and not self._newer(found, known, answered=answered):
            return False
        self._doubted.discard(found.key)
        if isinstance(found, UnreadableJob):
            self._hide(found)
            return True
        self._unreadable.pop(found.key, None)
        before = self._jobs.get(found.key) or self._hidden.pop(found.key, None)
        self._jobs[found.key] = found
        if found.spec.adopt is not None:
            self._adopting[found.key] = found
        self._index_output(before, found)
        self._changed(before, found)
        return True

    def _hide(self, found: UnreadableJob) -> None:
        """Replace a job by an unreadable object."""
        # `_changed` is not called: its open batch goes on using quota while it cannot be read.
        job = self._jobs.pop(found.key, None)
        if job is not None:
            self._hidden[found.key] = job
            self._index_output(job, None)
        self._adopting.pop(found.key, None)
        self._unreadable[found.key] = found

    def _index_output(self, before: Job | None, after: Job | None) -> None:
        for job in (before, after):
            place = None if job is None else _output(job)
            if job is None or place is None:
                continue
            if job is after:
                self._outputs[place][job.key] = job
            elif self._outputs[place].pop(job.key, None) is not None and not self._outputs[place]:
                del self._outputs[place]

    def doubt(self) -> None:
        """Accept each known version once more, since an older CRD may have hidden fields of it."""
        self._doubted = set(self._jobs) | set(self._unreadable)

    def _newer(
        self, found: Job | UnreadableJob, known: Job | UnreadableJob, *, answered: bool
    ) -> bool:
        # Of the same version only a copy that may show more is taken.
        if found.version != known.version:
            return found.version > known.version
        return found.key in self._doubted or (answered and found != known)

    def remove(self, key: Key, uid: str | None = None) -> Job | None:
        """Forget an object, and return its last readable version.

        Args:
            key: of the object.
            uid: forget it only if it has this uid; another object may have its name by now.
        """
        known = self._known(key)
        if known is None or (uid is not None and known.uid != uid):
            return None
        self._unreadable.pop(key, None)
        self._doubted.discard(key)
        self._adopting.pop(key, None)
        job = self._jobs.pop(key, None) or self._hidden.pop(key, None)
        if job is not None:
            self._index_output(job, None)
            self._changed(job, None)
        return job

    def incarnations(self) -> set[tuple[Key, str]]:
        """Return key and uid of all objects, readable or not."""
        known: tuple[Job | UnreadableJob, ...] = (*self._jobs.values(), *self._unreadable.values())
        return {(one.key, one.uid) for one in known}

    def missing(self, expected: Iterable[tuple[Key, str, int]]) -> set[Key]:
        """Return the keys of objects that the store lacks, or has in an older version.

        Args:
            expected: key, uid and version of each object.
        """
        return {key for key, uid, version in expected if not self._has(key, uid, version)}

    def _has(self, key: Key, uid: str, version: int) -> bool:
        known = self._known(key)
        if known is None or known.uid != uid or key in self._doubted:
            return False
        return known.version >= version

    def _known(self, key: Key) -> Job | UnreadableJob | None:
        return self._jobs.get(key) or self._unreadable.get(key)


def _output(job: Job) -> tuple[str, str] | None:
    output = job.spec.output
    if output is None or output.config_map is None:
        return None
    return job.key.namespace, output.config_map.name
