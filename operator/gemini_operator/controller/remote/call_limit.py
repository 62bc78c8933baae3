"""Limits how many jobs of one API key, and of one namespace, call Google at a time.

So a key whose calls hang, or a namespace full of slow reads, slows down its own jobs only. Other
work for a few jobs at a time is limited by the same class.
"""

from collections import Counter, OrderedDict

from gemini_operator.controller.job import Key
from gemini_operator.controller.workqueue import Wakes

Scope = tuple[str, str]
"""The id of an API key, and a namespace."""


class Busy(Exception):
    """The job has to wait for other jobs of its key or namespace; it is requeued when it may go."""


class CallLimit:
    """Admits jobs; those that wait are requeued in turn, alternating between namespaces and keys.

    Args:
        share: jobs that are admitted at a time, for each key and for each namespace.
        queue: requeues jobs.
        per_namespace: another number of jobs for each namespace.
    """

    def __init__(self, share: int, queue: Wakes, *, per_namespace: int | None = None) -> None:
        self._share = share
        self._per_namespace = per_namespace or share
        self._queue = queue
        self._inside: dict[Key, str] = {}
        self._by_key_id: Counter[str] = Counter()
        self._by_namespace: Counter[str] = Counter()
        self._waiting: OrderedDict[Scope, OrderedDict[Key, None]] = OrderedDict()
        self._scope_of: dict[Key, Scope] = {}

    @property
    def waiting(self) -> int:
        """The number of jobs that wait to be admitted."""
        return len(self._scope_of)

    def enter(self, key: Key, key_id: str) -> None:
        """Admit the job, with the API key `key_id`, until it leaves; a second call changes nothing.

        Raises:
            Busy: the limit is reached; the job is requeued in its turn.
        """
        scope = key_id, key.namespace
        if self._inside.get(key) == key_id:
            return
        if self._scope_of.get(key) == scope:
            raise Busy
        # Its Secret holds another key by now: it neither waits nor counts for the old one.
        self._stop_waiting(key)
        self.leave(key)
        # Jobs that wait go first, even if there is room at this moment.
        if scope in self._waiting or not self._has_room(scope):
            self._waiting.setdefault(scope, OrderedDict())[key] = None
            self._scope_of[key] = scope
            raise Busy
        self._admit(key, scope)

    def leave(self, key: Key) -> None:
        """End the job's turn and admit the next job. A job that waits goes on waiting.

        If the object of a waiting job is gone, its reconcile does nothing and leaves again.
        """
        key_id = self._inside.pop(key, None)
        if key_id is None:
            return
        _count_down(self._by_key_id, key_id)
        _count_down(self._by_namespace, key.namespace)
        self._call_next()

    def forget(self, key: Key) -> None:
        """End the job's turn, or its wait for one."""
        self._stop_waiting(key)
        self.leave(key)

    def _has_room(self, scope: Scope) -> bool:
        key_id, namespace = scope
        return (
            self._by_key_id[key_id] < self._share
            and self._by_namespace[namespace] < self._per_namespace
        )

    def _admit(self, key: Key, scope: Scope) -> None:
        key_id, namespace = scope
        self._inside[key] = key_id
        self._by_key_id[key_id] += 1
        self._by_namespace[namespace] += 1

    def _call_next(self) -> None:
        """Admit and requeue the jobs that there is room for."""
        for scope in tuple(self._waiting):
            if not self._has_room(scope):
                continue
            key = next(iter(self._waiting[scope]))
            self._stop_waiting(key)
            if scope in self._waiting:
                self._waiting.move_to_end(scope)
            # Admitted at once and not when its reconcile comes, so that no other job overtakes it.
            self._admit(key, scope)
            self._queue.add(key)

    def _stop_waiting(self, key: Key) -> None:
        scope = self._scope_of.pop(key, None)
        if scope is None:
            return
        keys = self._waiting[scope]
        del keys[key]
        if not keys:
            del self._waiting[scope]


def _count_down(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
