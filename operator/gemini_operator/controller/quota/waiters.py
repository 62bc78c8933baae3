"""The jobs that want to submit, and the state of each."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

from gemini_operator.api.names import normalise_model
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.quota.fair_queue import Position
from gemini_operator.controller.quota.keys import ApiKeyQuota
from gemini_operator.controller.quota.throttle import Throttle


class WaiterState(Enum):
    """The states between the queue and Google's answer."""

    IDLE = auto()
    PENDING = auto()
    RESERVED = auto()
    """A slot is reserved for the job, and the job is requeued."""
    SUBMITTING = auto()
    """The job was admitted; its slot stays reserved until the write-ahead is in its status."""
    SUBMITTED = auto()
    """The write-ahead uses the slot; Google has not answered the create yet."""


# A submitted job has no reserved slot: its slot is counted by its status.
WITH_SLOT = (WaiterState.RESERVED, WaiterState.SUBMITTING)
UNSENT = (WaiterState.PENDING, WaiterState.RESERVED)


@dataclass
class Waiter:
    """One job that wants to submit, or has just submitted.

    Args:
        ref: the Secret of the job's API key.
        key_quota: the API key that the job waits for, or that its create is sent with.
        model: the job's model, normalised.
        position: the job's order within its namespace.
        late: the job has not used its reserved slot and was requeued a second time.
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
        """Whether the job has a reserved slot that its status does not show yet."""
        return self.state in WITH_SLOT

    def become(self, state: WaiterState) -> None:
        """Change the state, and update the slots and the queue of the API key."""
        self.key_quota.discard(self.model, self.position)
        kept = (state in WITH_SLOT) - self.has_slot
        if kept:
            self.key_quota.count(self.ref.namespace, kept)
        if state is WaiterState.PENDING:
            self.key_quota.add(self.model, self.position)
        self.state, self.late = state, False

    def give_up_probes(self) -> None:
        """Give up the job's probes."""
        for throttle in self.key_quota.throttles_of(self.model):
            throttle.give_up_probe(self.key)

    def move(self, key_quota: ApiKeyQuota) -> None:
        """Move the job to another API key, where it is idle at first."""
        # In this order: the slot and the probes to give up are those of the old key.
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
        """Return the waiters whose API key is in the Secret `ref`."""
        return tuple(self._by_ref.get(ref, {}).values())

    @contextmanager
    def requeueing(self, key_quota: ApiKeyQuota, model: str | None = None) -> Iterator[None]:
        """Take jobs out of their queue, and queue them again after the block changed the throttles.

        Args:
            key_quota: the API key of the jobs.
            model: their model; `None` for all models.
        """
        waiting = (one for ref in key_quota.refs for one in self.of(ref))
        moved = [one for one in waiting if one.key_quota is key_quota and one.state in UNSENT]
        moved = [one for one in moved if model in (None, one.model)]
        for one in moved:
            one.become(WaiterState.IDLE)
        yield
        for one in moved:
            one.become(WaiterState.PENDING)

    def throttle(self, key_quota: ApiKeyQuota, model: str) -> Throttle:
        """Return the throttle of a model; a new one takes in all waiting jobs of that model."""
        if model not in key_quota.throttles:
            with self.requeueing(key_quota, model):
                key_quota.throttles[model] = Throttle()
        return key_quota.throttles[model]

    def refusal(self, key_quota: ApiKeyQuota) -> Throttle:
        """Return the throttle of a refused API key, in which all of its jobs wait."""
        if key_quota.refusal is None:
            with self.requeueing(key_quota):
                # Another job probes after each failure: the reason may be what this one asks for.
                key_quota.refusal = Throttle(tries=1)
        return key_quota.refusal

    def end_refusal(self, key_quota: ApiKeyQuota) -> None:
        """End the refusal of a key: its jobs wait by model again."""
        if key_quota.refusal is not None:
            with self.requeueing(key_quota):
                key_quota.refusal = None

    def enter(self, job: Job, ref: KeyRef, key_quota: ApiKeyQuota) -> Waiter:
        """Return the waiter of `job`; a new one is idle."""
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
