"""Puts the events of the watch into the store and the work queue."""

from collections.abc import Mapping
from typing import Any

from gemini_operator.base.logs import get_logger
from gemini_operator.controller.job import JobReader, Key, UnreadableJob
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.workqueue import KeyedQueue

log = get_logger(__name__)


class EventHandler:
    """Stores new versions and queues their keys; forgets objects that are gone.

    Args:
        store: the newest version of every object.
        queue: gets a key for every change.
        memory: forgets the facts about objects that are gone.
        reads: forgets their read budgets.
        reader: projects objects.
    """

    def __init__(
        self,
        store: Store,
        queue: KeyedQueue,
        memory: Memory,
        reads: ReadBudget,
        reader: JobReader,
    ) -> None:
        self._reader = reader
        self._store = store
        self._queue = queue
        self._memory = memory
        self._reads = reads

    def on_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """Handle an event of the watch.

        Args:
            kind: ADDED, MODIFIED or DELETED; `None` for an object of the initial list.
            body: the object, without the content of its requests.
        """
        metadata = body["metadata"]
        if kind == "DELETED":
            self.forget(Key(metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            self.keep(body, shortened=True)

    def keep(self, body: Mapping[str, Any], *, shortened: bool = False) -> None:
        """Store a version of an object and queue its key, if it is newer than the known one.

        Args:
            body: the object. One that cannot be read is stored as unreadable, and stalled by its
                reconcile.
            shortened: the content of its requests is left out.
        """
        found = self._reader.read(body, shortened=shortened)
        if isinstance(found, UnreadableJob):
            self._log(found)
        if self._store.put(found):
            self._queue.add(found.key, version=found.version)

    def _log(self, found: UnreadableJob) -> None:
        # Every write to such an object is an event: log a problem once, not once an event.
        known = self._store.unreadable(found.key)
        if known is None or known.problem != found.problem:
            log.error("an object cannot be read", **found.key._asdict(), problem=found.problem)

    def forget(self, key: Key, uid: str) -> None:
        """Forget the object `key` with this uid, unless another object has its name by now."""
        known = self._store.get(key) or self._store.unreadable(key)
        if known is not None and known.uid != uid:
            return
        self._store.remove(key)
        self._memory.forget(key)
        self._reads.forget(key)
        self._queue.drop(key)
        # Its transfer, if it has one, is stopped by a reconcile that finds no object.
        self._queue.add(key)
