"""The jobs that want to submit, and how far each has come."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from gemini_operator.api.names import normalise_model
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.quota.fair_queue import Position
from gemini_operator.controller.quota.keys import ApiKeyQuota


class WaiterState(Enum):
    """The steps from the queue to Google's answer."""

    IDLE = auto()
    PENDING = auto()
    RESERVED = auto()
    """A slot is reserved for it, and its reconcile is asked for."""
    SUBMITTING = auto()
    """It was admitted; the slot stays reserved until its write-ahead is seen."""
    SUBMITTED = auto()
    """Its write-ahead uses the slot now; Google's answer is still to come."""


WITH_SLOT = (WaiterState.RESERVED, WaiterState.SUBMITTING)
UNSENT = (WaiterState.PENDING, WaiterState.RESERVED)


@dataclass
class Waiter:
    """One job that wants to submit, or has just submitted.

    Args:
        ref: the Secret of its API key.
        key_quota: the API key that it waits for, or that its create is sent with.
        model: normalised.
        position: its order within its namespace.
        late: it has not used its reserved slot and has been woken once more.
    """

    ref: KeyRef
    key_quota: ApiKeyQuota
    model: str
    position: Position
    state: WaiterState = WaiterState.IDLE
    late: bool = False

    @property
    def key(self) -> Key:
        return self.position.key

    @property
    def has_slot(self) -> bool:
        """Whether it has a reserved slot that no status shows yet."""
        return self.state in WITH_SLOT

    def become(self, state: WaiterState) -> None:
        """Change its state, and the slots and the queue of its key with it."""
        self.key_quota.discard(self.model, self.position)
        kept = (state in WITH_SLOT) - self.has_slot
        if kept:
            self.key_quota.count(self.ref.namespace, kept)
        if state is WaiterState.PENDING:
            self.key_quota.add(self.model, self.position)
        self.state, self.late = state, False

    def give_up_probes(self) -> None:
        """Give up the probes that it holds."""
        for throttle in self.key_quota.throttles_of(self.model):
            throttle.give_up_probe(self.key)

    def move(self, key_quota: ApiKeyQuota) -> None:
        """Move it to another API key, where it is idle at first."""
        self.give_up_probes()
        self.become(WaiterState.IDLE)
        self.key_quota = key_quota


class Waiters:
    """All waiters, by job and by Secret."""

    def __init__(self) -> None:
        self._all: dict[Key, Waiter] = {}
        self._by_ref: defaultdict[KeyRef, dict[Key, Waiter]] = defaultdict(dict)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(tuple(self._all.values()))

    def __getitem__(self, key: Key) -> Waiter:
        return self._all[key]

    def get(self, key: Key | None) -> Waiter | None:
        return None if key is None else self._all.get(key)

    def of(self, ref: KeyRef) -> tuple[Waiter, ...]:
        """Those whose key is in the Secret `ref`."""
        return tuple(self._by_ref.get(ref, {}).values())

    @contextmanager
    def requeueing(self, key_quota: ApiKeyQuota, model: str | None = None) -> Iterator[None]:
        """Take the waiting jobs of the key (and model) out of their queue, and put them back after."""
        waiting = (one for ref in key_quota.refs for one in self.of(ref))
        moved = [one for one in waiting if one.key_quota is key_quota and one.state in UNSENT]
        moved = [one for one in moved if model in (None, one.model)]
        for one in moved:
            one.become(WaiterState.IDLE)
        yield
        for one in moved:
            one.become(WaiterState.PENDING)

    def enter(self, job: Job, ref: KeyRef, key_quota: ApiKeyQuota) -> Waiter:
        """The waiter of `job`; a new one is idle."""
        one = self._all.get(job.key)
        if one is None:
            one = Waiter(
                ref, key_quota, normalise_model(job.spec.model), Position(job.created, job.key)
            )
            self._all[job.key] = self._by_ref[ref][job.key] = one
        return one

    def pop(self, key: Key) -> Waiter | None:
        """Remove and return a waiter."""
        one = self._all.pop(key, None)
        if one is not None:
            of_ref = self._by_ref[one.ref]
            del of_ref[key]
            if not of_ref:
                del self._by_ref[one.ref]
        return one
