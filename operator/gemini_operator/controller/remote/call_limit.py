"""How many jobs talk to Google at a time: of one API key, and of one namespace.

A key whose calls hang, or a namespace full of slow reads, costs its own jobs only. What else may be
done by a few jobs at a time can be limited in the same way.
"""

from collections import Counter, OrderedDict

from gemini_operator.controller.job import Key
from gemini_operator.controller.workqueue import Wakes

Lane = tuple[str, str]
"""A key's key_id and a namespace."""


class Busy(Exception):
    """The job has to wait for others of its key or namespace; it is woken when it may go."""


class CallLimit:
    """Lets jobs in, and calls those that wait in turn: namespaces and keys alternate.

    Args:
        share: jobs inside at a time, for each key and for each namespace.
        queue: wakes jobs.
    """

    def __init__(self, share: int, queue: Wakes) -> None:
        self._share = share
        self._queue = queue
        self._inside: dict[Key, str] = {}
        self._by_key_id: Counter[str] = Counter()
        self._by_namespace: Counter[str] = Counter()
        self._waiting: OrderedDict[Lane, OrderedDict[Key, None]] = OrderedDict()
        self._lane_of: dict[Key, Lane] = {}

    @property
    def waiting(self) -> int:
        """Jobs that wait to be let in."""
        return len(self._lane_of)

    def enter(self, key: Key, key_id: str) -> None:
        """Let the job call Google with a key of `key_id`, until it leaves; once inside it stays so.

        Raises:
            Busy: not now; the job is woken in its turn.
        """
        lane = key_id, key.namespace
        if self._inside.get(key) == key_id:
            return
        if self._lane_of.get(key) == lane:
            raise Busy
        self._stop_waiting(key)
        self.leave(key)
        if lane in self._waiting or not self._has_room(lane):
            self._waiting.setdefault(lane, OrderedDict())[key] = None
            self._lane_of[key] = lane
            raise Busy
        self._admit(key, lane)

    def leave(self, key: Key) -> None:
        """The job's reconcile has ended: whoever is next may go.

        One that waits goes on waiting. If its object is gone, it has nothing to ask when it is called.
        """
        key_id = self._inside.pop(key, None)
        if key_id is None:
            return
        _count_down(self._by_key_id, key_id)
        _count_down(self._by_namespace, key.namespace)
        self._call_next()

    def _has_room(self, lane: Lane) -> bool:
        key_id, namespace = lane
        return self._by_key_id[key_id] < self._share and self._by_namespace[namespace] < self._share

    def _admit(self, key: Key, lane: Lane) -> None:
        key_id, namespace = lane
        self._inside[key] = key_id
        self._by_key_id[key_id] += 1
        self._by_namespace[namespace] += 1

    def _call_next(self) -> None:
        """Whoever is called is inside from now on, so that nobody overtakes it."""
        for lane in tuple(self._waiting):
            if not self._has_room(lane):
                continue
            key = next(iter(self._waiting[lane]))
            self._stop_waiting(key)
            if lane in self._waiting:
                self._waiting.move_to_end(lane)
            self._admit(key, lane)
            self._queue.add(key)

    def _stop_waiting(self, key: Key) -> None:
        lane = self._lane_of.pop(key, None)
        if lane is None:
            return
        keys = self._waiting[lane]
        del keys[key]
        if not keys:
            del self._waiting[lane]


def _count_down(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
