"""The quota against the specification in a few slow throttles, through any history (rule P23)."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from gemini_operator.controller.job import Key
from gemini_operator.controller.quota.quota import Admission
from tests.unit.controller.quotas import GROUP, Harness

NAMESPACES = ("a", "b", "c")
LIMIT = 3


@dataclass
class Specification:
    """Jobs that wait, have a reserved slot, or an open batch; every free slot is reserved."""

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


class QuotaOrder(RuleBasedStateMachine):
    """Jobs come, ask, submit, end, leave and go; now and then the controller restarts."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.harness = Harness(LIMIT)
        self.specified = Specification()

    @rule(
        target=jobs,
        namespace=st.sampled_from(NAMESPACES),
        name=st.text("xyz", min_size=1, max_size=3),
        age=st.integers(0, 5),
    )
    def create(self, namespace: str, name: str, age: int) -> object:
        key = Key(namespace, name)
        if self.harness.store.get(key) is not None:
            return multiple()
        self.harness.put(f"{namespace}/{name}", age)
        self.specified.ages[key] = age
        return key

    @rule(key=jobs)
    def reserve(self, key: Key) -> None:
        if self.harness.store.get(key) is None or key in self.specified.open:
            return
        self.specified.enter(key)
        self.specified.call()
        goes = self.harness.reserve(key) is Admission.ADMITTED
        assert goes == (key in self.specified.called)

    @rule(key=jobs)
    def submit(self, key: Key) -> None:
        if key not in self.specified.called or self.harness.reserve(key) is not Admission.ADMITTED:
            return
        self.harness.write_ahead(key)
        self.harness.passed(key)
        self.specified.called.remove(key)
        self.specified.open.add(key)

    @rule(key=jobs)
    def end(self, key: Key) -> None:
        if key in self.specified.open:
            self.harness.end(key)
            self.harness.store.remove(key)
            self.specified.out(key)

    @rule(key=jobs)
    def release(self, key: Key) -> None:
        self.harness.quota.release(key)
        if key not in self.specified.open:
            self.specified.out(key)

    @rule(key=jobs)
    def remove(self, key: Key) -> None:
        self.harness.store.remove(key)
        self.specified.out(key)

    @rule()
    def restart(self) -> None:
        """A job with a reserved slot that did not submit waits as before, and gets another slot."""
        stored = list(self.harness.store)
        waiting = self.specified.waiting | self.specified.called
        self.harness = Harness(LIMIT)
        for job in stored:
            self.harness.store.put(job)
        self.harness._version = max((job.version for job in stored), default=100)
        for job in stored:
            self.harness.bind_key(job.key, GROUP)
        self.harness.quota.restore(job for job in stored if job.key in waiting)
        self.specified.waiting, self.specified.called = waiting, set()
        self.specified.call()

    @invariant()
    def as_specified(self) -> None:
        quota = self.harness.quota
        assert quota.waiting == len(self.specified.waiting)
        called = {one.key for one in quota._waiters if one.has_slot}
        assert called == self.specified.called

    @invariant()
    def within_the_limit(self) -> None:
        assert len(self.specified.open | self.specified.called) <= LIMIT


TestQuotaOrder = QuotaOrder.TestCase
TestQuotaOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
