"""From what the API server tells to the store and the queue."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from gemini_operator.controller.facts import Memory
from gemini_operator.controller.gate.gate import Gate
from gemini_operator.controller.job import Key, from_object
from gemini_operator.controller.queue import KeyedQueue
from gemini_operator.controller.reading.reads import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.telemetry.logs import get_logger

log = get_logger(__name__)


class Intake:
    """
    Keeps what is new and asks for a pass over it; forgets what is gone.

    Args:
        store: the newest version of every object.
        queue: gets a key for every change.
        memory: forgets with the store.
        gate: forgets with the store.
        reads: forgets with the store.
    """

    def __init__(
        self, store: Store, queue: KeyedQueue, memory: Memory, gate: Gate, reads: ReadBudget
    ) -> None:
        self.unreadable: set[Key] = set()
        self._store = store
        self._queue = queue
        self._memory = memory
        self._gate = gate
        self._reads = reads

    def on_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """One event of the watch: ADDED, MODIFIED, DELETED, or `None` for a listed object."""
        metadata = body["metadata"]
        if kind == "DELETED":
            self.forget(Key(metadata["namespace"], metadata["name"]), metadata["uid"])
        else:
            self.keep(body)

    def keep(self, body: Mapping[str, Any]) -> None:
        """A version of an object; one that does not fit the schema is logged and left alone."""
        key = Key(body["metadata"]["namespace"], body["metadata"]["name"])
        try:
            job = from_object(body)
        except ValidationError as error:
            problems = "; ".join(str(e["loc"]) for e in error.errors(include_input=False))
            log.error(
                "an object does not fit the schema", namespace=key[0], name=key[1], at=problems
            )
            self.unreadable.add(key)
            return
        self.unreadable.discard(key)
        if self._store.put(job):
            self._queue.add(key)

    def forget(self, key: Key, uid: str) -> None:
        """The incarnation `uid` of `key` is gone; a write may have found that out before."""
        known = self._store.get(key)
        if known is not None and known.uid != uid:
            return
        self._store.remove(key)
        self.unreadable.discard(key)
        self._memory.forget(key)
        self._gate.leave(key)
        self._reads.forget(key)
        self._queue.drop(key)
