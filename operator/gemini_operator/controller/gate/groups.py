"""API keys by their fingerprint: who holds a key's places, and who waits for one."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from gemini_operator.controller.gate.lanes import Claim, Lanes, Turn
from gemini_operator.controller.gate.lines import Line
from gemini_operator.controller.gate.places import OpenBatch
from gemini_operator.controller.job import Key, KeyRef

Fingerprint = Callable[[str], str]
"""From the uid of a job to what its status says of the API key that created its batch."""


class Group:
    """
    One API key.

    Args:
        name: tells the key from others, in this process only.
        fingerprint: what the statuses say of this key; `None` if nobody can tell.

    Attributes:
        refs: the Secrets that hold it now.
        lines: who waits for a throttled model, by model; all others wait together.
        refusal: where everybody waits while Google refuses the key itself.
        total: places that are held or kept for somebody.
    """

    def __init__(self, name: str, fingerprint: Fingerprint | None = None) -> None:
        self.name = name
        self.refs: set[KeyRef] = set()
        self.lines: dict[str, Line] = {}
        self.refusal: Line | None = None
        self.total = 0
        self._fingerprint = fingerprint
        self._held: Counter[str] = Counter()
        self._lanes = Lanes()

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.refs or self.lines or self.total) and self.refusal is None

    def created(self, batch: OpenBatch) -> bool:
        """Whether the batch was created with this key."""
        return self._fingerprint is not None and batch.fingerprint == self._fingerprint(batch.uid)

    def add(self, model: str, turn: Turn) -> None:
        self._queue(model).add(turn)

    def discard(self, model: str, turn: Turn) -> None:
        self._queue(model).discard(turn)

    def _queue(self, model: str) -> Line | Lanes:
        return self.lines.get(model, self._lanes) if self.refusal is None else self.refusal

    def closed(self, model: str) -> list[Line]:
        """Every line that a job of `model` may be the head of."""
        lines = (self.refusal, self.lines.get(model))
        return [line for line in lines if line is not None]

    def reopen(self, model: str) -> None:
        """Google takes creates of the model: who waits for it waits with all others."""
        for turn in self.lines.pop(model, ()):
            self._lanes.add(turn)

    def hold(self, namespace: str, places: int) -> None:
        """Count `places` more, or fewer, for `namespace`."""
        self.total += places
        self._held[namespace] += places
        if not self._held[namespace]:
            del self._held[namespace]

    def head(self, line: Line) -> Key | None:
        claim = line.head(self._held)
        return claim.turn.key if claim else None

    def best(self, now: float) -> Key | None:
        """Whom to call next; `None` when nobody waits who may go at `now`."""
        if self.refusal is not None:
            return self.head(self.refusal) if self.refusal.admits(now) else None
        best = min(self._claims(now), default=None)
        return best.turn.key if best else None

    def _claims(self, now: float) -> Iterator[Claim]:
        heads = [line.head(self._held) for line in self.lines.values() if line.admits(now)]
        return (claim for claim in (self._lanes.best(self._held), *heads) if claim is not None)

    def drop_idle(self, now: float) -> None:
        """Forget the lines that say nothing any more."""
        for model in [model for model, line in self.lines.items() if line.idle(now)]:
            del self.lines[model]
        if self.refusal is not None and self.refusal.idle(now):
            self.refusal = None


class Groups:
    """
    Which Secret holds which key, as far as it has been read, and which key created which batch.

    An open batch counts for the key that created it, whatever its Secret holds now (decision 0020).
    While nobody knows that key, the batch counts for none, and is compared with each key that is
    learnt later.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, Group] = {}
        self._by_ref: dict[KeyRef, Group] = {}
        self._counted: dict[Key, Group] = {}
        self._unknown: defaultdict[KeyRef, dict[Key, OpenBatch]] = defaultdict(dict)
        # Keys that the batches of other Secrets have not been compared with yet.
        self._new: dict[str, Group] = {}

    def __iter__(self) -> Iterator[Group]:
        return iter(tuple(self._by_name.values()))

    @property
    def refs(self) -> tuple[KeyRef, ...]:
        return tuple(self._by_ref)

    def of(self, ref: KeyRef) -> Group | None:
        """The key of a Secret; `None` while nobody has read it."""
        return self._by_ref.get(ref)

    def named(self, name: str) -> Group | None:
        return self._by_name.get(name)

    def move(self, ref: KeyRef, name: str, fingerprint: Fingerprint | None) -> Group:
        """The Secret `ref` holds the key `name` from now on."""
        old = self._by_ref.get(ref)
        if old is not None:
            old.refs.discard(ref)
        new = self._by_name.get(name)
        if new is None:
            new = self._by_name[name] = self._new[name] = Group(name, fingerprint)
        self._by_ref[ref] = new
        new.refs.add(ref)
        for batch in tuple(self._unknown.get(ref, {}).values()):
            if batch.fingerprint is None or new.created(batch):
                self._count(batch, new)
        return new

    def settle(self) -> bool:
        """Compare the batches of unknown keys with the keys that are new; whether there were any."""
        new = bool(self._new)
        for group in tuple(self._new.values()) if self._unknown else ():
            for batches in tuple(self._unknown.values()):
                for batch in [batch for batch in batches.values() if group.created(batch)]:
                    self._count(batch, group)
        self._new.clear()
        return new

    def take(self, batch: OpenBatch) -> None:
        """Count an open batch for the key that created it."""
        self._unknown[batch.ref][batch.key] = batch
        own = self._by_ref.get(batch.ref)
        if own is not None and (batch.fingerprint is None or own.created(batch)):
            self._count(batch, own)
            return
        creator = next((group for group in self if group.created(batch)), None)
        if creator is not None:
            self._count(batch, creator)

    def _count(self, batch: OpenBatch, group: Group) -> None:
        self._found(batch)
        self._counted[batch.key] = group
        group.hold(batch.key.namespace, 1)

    def _found(self, batch: OpenBatch) -> None:
        batches = self._unknown.get(batch.ref, {})
        batches.pop(batch.key, None)
        if not batches:
            self._unknown.pop(batch.ref, None)

    def free(self, batch: OpenBatch) -> Group | None:
        """The batch is open no more; the key that has a free place by that."""
        self._found(batch)
        group = self._counted.pop(batch.key, None)
        if group is not None:
            group.hold(batch.key.namespace, -1)
        return group

    def forget(self, ref: KeyRef) -> None:
        """Nothing of the Secret waits or is open: a later job teaches it anew."""
        group = self._by_ref.pop(ref, None)
        if group is not None:
            group.refs.discard(ref)
            self.drop_idle(group)

    def drop_idle(self, group: Group) -> None:
        """Forget a key that says nothing any more."""
        if group.idle:
            self._by_name.pop(group.name, None)
            self._new.pop(group.name, None)
