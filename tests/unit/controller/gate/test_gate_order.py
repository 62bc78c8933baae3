"""The gate against the specification in a few slow lines, through any history (rule P23)."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from gemini_operator.controller.gate.gate import Answer
from gemini_operator.controller.job import Key
from tests.unit.controller.gates import GROUP, Entrance

NAMESPACES = ("a", "b", "c")
LIMIT = 3


@dataclass
class Specification:
    """Who waits, who was called, who is open; whoever may be called is."""

    ages: dict[Key, int] = field(default_factory=dict)
    waiting: set[Key] = field(default_factory=set)
    called: set[Key] = field(default_factory=set)
    open: set[Key] = field(default_factory=set)

    def enter(self, key: Key) -> None:
        if key not in self.called | self.open:
            self.waiting.add(key)

    def call(self) -> None:
        while self.waiting and len(self.called | self.open) < LIMIT:
            best = min(self.waiting, key=self._order)
            self.waiting.remove(best)
            self.called.add(best)

    def out(self, key: Key) -> None:
        for group in (self.waiting, self.called, self.open):
            group.discard(key)
        self.call()

    def _order(self, key: Key) -> tuple[int, int, str, str]:
        held = sum(other.namespace == key.namespace for other in self.called | self.open)
        return held, self.ages[key], key.namespace, key.name


class GateOrder(RuleBasedStateMachine):
    """Jobs come, ask, submit, end, leave and go; now and then the controller starts anew."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.entrance = Entrance(LIMIT)
        self.specified = Specification()

    @rule(
        target=jobs,
        namespace=st.sampled_from(NAMESPACES),
        name=st.text("xyz", min_size=1, max_size=3),
        age=st.integers(0, 5),
    )
    def create(self, namespace: str, name: str, age: int) -> object:
        key = Key(namespace, name)
        if self.entrance.store.get(key) is not None:
            return multiple()
        self.entrance.put(f"{namespace}/{name}", age)
        self.specified.ages[key] = age
        return key

    @rule(key=jobs)
    def ask(self, key: Key) -> None:
        if self.entrance.store.get(key) is None or key in self.specified.open:
            return
        self.specified.enter(key)
        self.specified.call()
        goes = self.entrance.ask(key) is Answer.GO
        assert goes == (key in self.specified.called)

    @rule(key=jobs)
    def submit(self, key: Key) -> None:
        if key not in self.specified.called or self.entrance.ask(key) is not Answer.GO:
            return
        self.entrance.write_ahead(key)
        self.entrance.passed(key)
        self.specified.called.remove(key)
        self.specified.open.add(key)

    @rule(key=jobs)
    def end(self, key: Key) -> None:
        if key in self.specified.open:
            self.entrance.end(key)
            self.entrance.store.remove(key)
            self.specified.out(key)

    @rule(key=jobs)
    def leave(self, key: Key) -> None:
        self.entrance.gate.leave(key)
        if key not in self.specified.open:
            self.specified.out(key)

    @rule(key=jobs)
    def remove(self, key: Key) -> None:
        self.entrance.store.remove(key)
        self.specified.out(key)

    @rule()
    def restart(self) -> None:
        """Whoever was called and did not submit waits as before, and is called again."""
        stored = list(self.entrance.store)
        waiting = self.specified.waiting | self.specified.called
        self.entrance = Entrance(LIMIT)
        for job in stored:
            self.entrance.store.put(job)
        self.entrance._version = max((job.version for job in stored), default=100)
        for job in stored:
            self.entrance.learn(job.key, GROUP)
        self.entrance.gate.expect(job for job in stored if job.key in waiting)
        self.specified.waiting, self.specified.called = waiting, set()
        self.specified.call()

    @invariant()
    def as_specified(self) -> None:
        gate = self.entrance.gate
        assert gate.waiting == len(self.specified.waiting)
        called = {one.key for one in gate._standings if one.keeps}
        assert called == self.specified.called

    @invariant()
    def within_the_limit(self) -> None:
        assert len(self.specified.open | self.specified.called) <= LIMIT


TestGateOrder = GateOrder.TestCase
TestGateOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
