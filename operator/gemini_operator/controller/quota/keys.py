"""The quota of each API key: open batches, reserved slots, and the jobs that wait for a slot."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from gemini_operator.controller.job import Key, KeyRef
from gemini_operator.controller.quota.fair_queue import Candidate, FairQueue, Position
from gemini_operator.controller.quota.throttle import Throttle
from gemini_operator.controller.quota.usage import OpenBatch

Fingerprint = Callable[[str], str]
"""Returns, for a job's uid, the fingerprint of this API key that the job's status records."""


class ApiKeyQuota:
    """The quota of one API key.

    Args:
        key_id: identifies the key, in this process only.
        fingerprint: the key's fingerprint in a status; `None` if it cannot be computed.

    Attributes:
        refs: the Secrets that hold the key now.
        throttles: the jobs of throttled models, by model; all others wait together.
        refusal: all jobs of the key, while Google refuses the key itself.
        total: slots in use or reserved.
    """

    def __init__(self, key_id: str, fingerprint: Fingerprint | None = None) -> None:
        self.key_id = key_id
        self.refs: set[KeyRef] = set()
        self.throttles: dict[str, Throttle] = {}
        self.refusal: Throttle | None = None
        self.total = 0
        self._fingerprint = fingerprint
        self._used: Counter[str] = Counter()
        self._unthrottled = FairQueue()

    @property
    def idle(self) -> bool:
        """Return whether nothing uses this key, so that it can be forgotten."""
        return not (self.refs or self.throttles or self.total) and self.refusal is None

    def created(self, batch: OpenBatch) -> bool:
        """Return whether the batch was created with this key."""
        return self._fingerprint is not None and batch.fingerprint == self._fingerprint(batch.uid)

    def add(self, model: str, position: Position) -> None:
        self._queue(model).add(position)

    def discard(self, model: str, position: Position) -> None:
        self._queue(model).discard(position)

    def _queue(self, model: str) -> Throttle | FairQueue:
        # While Google refuses the key itself, the model does not matter.
        return (
            self.throttles.get(model, self._unthrottled) if self.refusal is None else self.refusal
        )

    def throttles_of(self, model: str) -> list[Throttle]:
        """Return the throttles that a job of `model` may probe."""
        throttles = (self.refusal, self.throttles.get(model))
        return [throttle for throttle in throttles if throttle is not None]

    def reopen(self, model: str) -> None:
        """Move the jobs of `model` to the common queue: Google accepts its creates again."""
        for position in self.throttles.pop(model, ()):
            self._unthrottled.add(position)

    def count(self, namespace: str, slots: int) -> None:
        """Add `slots`, which may be negative, to the slots that `namespace` uses."""
        self.total += slots
        self._used[namespace] += slots
        if not self._used[namespace]:
            del self._used[namespace]

    def head(self, throttle: Throttle) -> Key | None:
        """Return the next job of a throttle; `None` if none waits."""
        candidate = throttle.head(self._used)
        return candidate.position.key if candidate else None

    def best(self, now: float) -> Key | None:
        """Return the job that gets the next slot; `None` if no job may try at `now` (monotonic)."""
        if self.refusal is not None:
            return self.head(self.refusal) if self.refusal.allows(now) else None
        best = min(self._candidates(now), default=None)
        return best.position.key if best else None

    def _candidates(self, now: float) -> Iterator[Candidate]:
        heads = [
            throttle.head(self._used)
            for throttle in self.throttles.values()
            if throttle.allows(now)
        ]
        return (
            candidate
            for candidate in (self._unthrottled.best(self._used), *heads)
            if candidate is not None
        )

    def drop_idle(self, now: float) -> None:
        """Forget throttles without jobs that no longer block."""
        for model in [model for model, throttle in self.throttles.items() if throttle.idle(now)]:
            del self.throttles[model]
        if self.refusal is not None and self.refusal.idle(now):
            self.refusal = None


class ApiKeyQuotas:
    """All API keys: which Secret holds which key, and which key created which batch.

    An open batch counts for the key that created it, even if its Secret holds another one now
    (decision 0020). While that key is unknown, the batch counts for no key. It is compared with
    every key that is bound later.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, ApiKeyQuota] = {}
        self._by_ref: dict[KeyRef, ApiKeyQuota] = {}
        self._counted: dict[Key, ApiKeyQuota] = {}
        self._unknown: defaultdict[KeyRef, dict[Key, OpenBatch]] = defaultdict(dict)
        # Keys that the batches in `_unknown` have not been compared with yet. They are compared
        # when a slot is about to be reserved, not before, as each comparison computes a hash.
        self._new: dict[str, ApiKeyQuota] = {}

    def __iter__(self) -> Iterator[ApiKeyQuota]:
        return iter(tuple(self._by_id.values()))

    @property
    def refs(self) -> tuple[KeyRef, ...]:
        return tuple(self._by_ref)

    def of(self, ref: KeyRef) -> ApiKeyQuota | None:
        """Return the API key in a Secret; `None` until the Secret has been read."""
        return self._by_ref.get(ref)

    def get(self, key_id: str) -> ApiKeyQuota | None:
        return self._by_id.get(key_id)

    def bind(self, ref: KeyRef, key_id: str, fingerprint: Fingerprint | None) -> ApiKeyQuota:
        """Record that the Secret `ref` holds the API key `key_id` from now on."""
        old = self._by_ref.get(ref)
        if old is not None:
            old.refs.discard(ref)
        new = self._by_id.get(key_id)
        if new is None:
            new = self._by_id[key_id] = self._new[key_id] = ApiKeyQuota(key_id, fingerprint)
        self._by_ref[ref] = new
        new.refs.add(ref)
        # Without a fingerprint a batch counts for the key that its Secret holds when it is read.
        for batch in tuple(self._unknown.get(ref, {}).values()):
            if batch.fingerprint is None or new.created(batch):
                self._count(batch, new)
        return new

    def match_unknown(self) -> bool:
        """Compare batches of unknown keys with newly bound keys; return whether there were any."""
        new = bool(self._new)
        for key_quota in tuple(self._new.values()) if self._unknown else ():
            for batches in tuple(self._unknown.values()):
                for batch in [batch for batch in batches.values() if key_quota.created(batch)]:
                    self._count(batch, key_quota)
        self._new.clear()
        return new

    def add(self, batch: OpenBatch) -> None:
        """Count an open batch for the key that created it."""
        self._unknown[batch.ref][batch.key] = batch
        # The key of the job's own Secret is by far the likeliest: try it before all others.
        own = self._by_ref.get(batch.ref)
        if own is not None and (batch.fingerprint is None or own.created(batch)):
            self._count(batch, own)
            return
        creator = next((key_quota for key_quota in self if key_quota.created(batch)), None)
        if creator is not None:
            self._count(batch, creator)

    def _count(self, batch: OpenBatch, key_quota: ApiKeyQuota) -> None:
        self._found(batch)
        self._counted[batch.key] = key_quota
        key_quota.count(batch.key.namespace, 1)

    def _found(self, batch: OpenBatch) -> None:
        batches = self._unknown.get(batch.ref, {})
        batches.pop(batch.key, None)
        if not batches:
            self._unknown.pop(batch.ref, None)

    def discard(self, batch: OpenBatch) -> ApiKeyQuota | None:
        """Remove a batch that is no longer open; return the key whose slot is free now."""
        self._found(batch)
        key_quota = self._counted.pop(batch.key, None)
        if key_quota is not None:
            key_quota.count(batch.key.namespace, -1)
        return key_quota

    def forget(self, ref: KeyRef) -> None:
        """Forget which key the Secret holds: none of its jobs waits or has an open batch."""
        key_quota = self._by_ref.pop(ref, None)
        if key_quota is not None:
            key_quota.refs.discard(ref)
            self.drop_idle(key_quota)

    def drop_idle(self, key_quota: ApiKeyQuota) -> None:
        """Forget a key without Secrets, jobs and throttles."""
        if key_quota.idle:
            self._by_id.pop(key_quota.key_id, None)
            self._new.pop(key_quota.key_id, None)
