"""From what the API server tells to the store and the queue."""

from collections.abc import Mapping
from typing import Any

from gemini_operator.controller.job import JobReader, Key, UnreadableJob
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class EventHandler:
    """Keeps what is new and asks for a pass over it; forgets what is gone.

    Args:
        store: the newest version of every object.
        queue: gets a key for every change.
        memory: forgets with the store.
        reads: forgets with the store.
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
        """One event of the watch: ADDED, MODIFIED, DELETED, or `None` for a listed object."""
        metadata = body["metadata"]
        if kind == "DELETED":
            self.forget(Key(metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            self.keep(body, shortened=True)

    def keep(self, body: Mapping[str, Any], *, shortened: bool = False) -> None:
        """A version of an object; one that cannot be read is kept as such, and told so.

        `shortened`: without the content of its requests.
        """
        found = self._reader.read(body, shortened=shortened)
        if isinstance(found, UnreadableJob):
            self._log(found)
        if self._store.put(found):
            self._queue.add(found.key)

    def _log(self, found: UnreadableJob) -> None:
        known = self._store.unreadable(found.key)
        if known is None or known.problem != found.problem:
            log.error("an object cannot be read", **found.key._asdict(), problem=found.problem)

    def forget(self, key: Key, uid: str) -> None:
        """The incarnation `uid` of `key` is gone; a write may have found that out before."""
        known = self._store.get(key) or self._store.unreadable(key)
        if known is not None and known.uid != uid:
            return
        self._store.remove(key)
        self._memory.forget(key)
        self._reads.forget(key)
        self._queue.drop(key)
