"""API keys by their fingerprint: who holds a key's places, and who waits for one."""

from collections import Counter
from collections.abc import Iterator

from gemini_operator.controller.gate.lanes import Claim, Lanes, Turn
from gemini_operator.controller.gate.lines import Line
from gemini_operator.controller.gate.places import Places
from gemini_operator.controller.job import Key, KeyRef


class Group:
    """
    One API key.

    Attributes:
        name: the key's fingerprint, in this process only.
        refs: the Secrets that hold it.
        lines: who waits for a throttled model, by model; all others wait together.
        total: places that are held or kept for somebody.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.refs: set[KeyRef] = set()
        self.lines: dict[str, Line] = {}
        self.total = 0
        self._held: Counter[str] = Counter()
        self._lanes = Lanes()

    def add(self, model: str, turn: Turn) -> None:
        self.lines.get(model, self._lanes).add(turn)

    def discard(self, model: str, turn: Turn) -> None:
        self.lines.get(model, self._lanes).discard(turn)

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
        best = min(self._claims(now), default=None)
        return best.turn.key if best else None

    def _claims(self, now: float) -> Iterator[Claim]:
        heads = [line.head(self._held) for line in self.lines.values() if line.admits(now)]
        return (claim for claim in (self._lanes.best(self._held), *heads) if claim is not None)

    def drop_idle(self, model: str, now: float) -> None:
        """Forget a line that says nothing any more."""
        line = self.lines.get(model)
        if line is not None and line.idle(now):
            del self.lines[model]


class Groups:
    """
    Which Secret holds which key, as far as it has been read.

    A batch counts for the key that its Secret holds now: a key is mostly replaced by another one
    of the same project, and the project is what Google limits.

    Args:
        places: what is open with each Secret.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._by_name: dict[str, Group] = {}
        self._by_ref: dict[KeyRef, Group] = {}

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

    def move(self, ref: KeyRef, name: str) -> Group:
        """The Secret `ref` holds the key `name`: its open batches count there from now on."""
        held = self._places.count(ref)
        old = self._by_ref.get(ref)
        if old is not None:
            old.refs.discard(ref)
            old.hold(ref.namespace, -held)
        new = self._by_ref[ref] = self._by_name.setdefault(name, Group(name))
        new.refs.add(ref)
        new.hold(ref.namespace, held)
        return new

    def forget(self, ref: KeyRef) -> None:
        """Nothing of the Secret waits or is open: a later job teaches it anew."""
        group = self._by_ref.pop(ref, None)
        if group is not None:
            group.refs.discard(ref)
            self.drop_idle(group)

    def drop_idle(self, group: Group) -> None:
        """Forget a key that says nothing any more."""
        if not group.refs and not group.lines:
            self._by_name.pop(group.name, None)
