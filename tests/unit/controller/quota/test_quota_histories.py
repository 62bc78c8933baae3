"""Everything that may happen around the quota, in any order: what must never, and what must in the end.

A small controller stands in for the real one: it has passes only over keys that were woken, and
each of them ends as a real one may. So a wake-up that is lost leaves a job behind.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gemini_operator.controller.job import Job, Key
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.throttle import CAP
from gemini_operator.controller.quota.usage import uses_quota
from gemini_operator.controller.quota.warmup import may_wait
from tests.unit.controller.quotas import GROUP, Harness, named

NAMESPACES = ("a", "b", "c")
MODELS = ("gemini-2.5-flash", "gemini-2.5-pro")
OTHER_GROUP = "group-2"
GROUPS = st.sampled_from([GROUP, OTHER_GROUP])

REFUSED_RETRY = 60.0
BACK_OFF = 1.0


class QuotaHistories(RuleBasedStateMachine):
    """Jobs of two keys and two models; keys move, Google refuses, reconciles fail, processes die."""

    @initialize(limit=st.integers(1, 3), groups=st.lists(GROUPS, min_size=3, max_size=3))
    def start(self, limit: int, groups: list[str]) -> None:
        self.limit = limit
        self.harness = Harness(limit)
        self.group_of = dict(zip(NAMESPACES, groups, strict=True))
        self.begun = 0
        self.ready: list[Key] = []
        # Admitted, with the key that their reconcile has read; then: written ahead, no answer yet.
        self.going: dict[Key, str] = {}
        self.sent: dict[Key, str] = {}
        self.orphans: list[tuple[Job, str]] = []

    # People

    @rule(namespace=st.sampled_from(NAMESPACES), model=st.sampled_from(MODELS))
    def create(self, namespace: str, model: str) -> None:
        self.begun += 1
        key = self.harness.put(f"{namespace}/job-{self.begun}", self.begun, model=model)
        self.harness.queue.add(key)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if key := self._choose(data, list(self._jobs())):
            job = self.harness.job(key)
            self.harness.store.remove(key)
            self.harness.quota.release(key)
            self.going.pop(key, None)
            if key in self.sent:
                self.orphans.append((job, self.sent.pop(key)))

    @rule(data=st.data(), suspend=st.booleans())
    def suspend_or_resume(self, data: st.DataObject, suspend: bool) -> None:
        key = self._choose(data, [k for k, job in self._jobs().items() if not uses_quota(job)])
        if key and key not in self.going:
            model = self.harness.job(key).spec.model
            age = int(key.name.removeprefix("job-"))
            self.harness.put("/".join(key), age, suspend=suspend, model=model)
            self.harness.queue.add(key)

    @rule(namespace=st.sampled_from(NAMESPACES), group=GROUPS)
    def rotate(self, namespace: str, group: str) -> None:
        """The Secret has another key; nobody is told."""
        self.group_of[namespace] = group

    # Passes

    @rule(data=st.data())
    def begin_pass(self, data: st.DataObject) -> None:
        self.ready += [key for key in self.harness.queue.take() if key not in self.ready]
        key = self._choose(data, [key for key in self.ready if key not in self.going])
        if key is None:
            return
        self.ready.remove(key)
        self._pass(key)

    def _pass(self, key: Key) -> None:
        job = self.harness.store.get(key)
        if job is None or key in self.sent:
            return
        if uses_quota(job) or job.finished or job.spec.suspend:
            self.harness.quota.release(key)
            return
        group = self.group_of[key.namespace]
        answer = self.harness.reserve(key, group)
        if answer is Admission.REFUSED:
            self.harness.queue.add_after(key, REFUSED_RETRY)
        elif answer is Admission.ADMITTED:
            known = self.harness.quota._keys.get(group)
            assert known is not None
            assert known.total <= self.limit
            self.going[key] = group

    @rule(data=st.data())
    def write_ahead(self, data: st.DataObject) -> None:
        if key := self._choose(data, list(self.going)):
            self.sent[key] = self.going.pop(key)
            self.harness.write_ahead(key)

    @rule(data=st.data())
    def fail_before(self, data: st.DataObject) -> None:
        """The input is missing, or the API server says no."""
        if key := self._choose(data, list(self.going)):
            del self.going[key]
            self.harness.quota.release(key)
            self.harness.queue.add_after(key, BACK_OFF)

    @rule(data=st.data(), landed=st.booleans())
    def fail_to_write_ahead(self, data: st.DataObject, landed: bool) -> None:
        """A conflict, or no answer: the slot stays reserved, and a reconcile follows."""
        if key := self._choose(data, list(self.going)):
            del self.going[key]
            if landed:
                self.harness.write_ahead(key)
            self.harness.queue.add_after(key, BACK_OFF)

    # Google

    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        if key := self._choose(data, list(self.sent)):
            self.harness.passed(key, self.sent.pop(key))

    @rule(data=st.data(), retry_after=st.none() | st.floats(0, 20))
    def throttle(self, data: st.DataObject, retry_after: float | None) -> None:
        if key := self._choose(data, list(self.sent)):
            delay = self.harness.throttled(key, retry_after, self.sent.pop(key))
            self.harness.clear(key)
            self.harness.queue.add_after(key, delay)

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        if key := self._choose(data, list(self.sent)):
            self.harness.quota.refused(self.sent.pop(key), self.harness.job(key))
            self.harness.clear(key)
            self.harness.queue.add_after(key, REFUSED_RETRY)

    @rule(data=st.data())
    def leave_without_an_answer(self, data: st.DataObject) -> None:
        if key := self._choose(data, list(self.sent)):
            del self.sent[key]
            self.harness.quota.release(key)

    @rule(how=st.sampled_from(["accept", "throttle", "refuse"]))
    @precondition(lambda self: self.orphans)
    def answer_though_the_job_is_gone(self, how: str) -> None:
        job, group = self.orphans.pop()
        match how:
            case "accept":
                self.harness.quota.passed(group, job)
            case "throttle":
                self.harness.quota.throttled(group, job, None)
            case _:
                self.harness.quota.refused(group, job)

    @rule(data=st.data(), how=st.sampled_from(["end", "give up"]))
    def end(self, data: st.DataObject, how: str) -> None:
        open_ = [
            key for key, job in self._jobs().items() if uses_quota(job) and key not in self.sent
        ]
        if key := self._choose(data, open_):
            if how == "end":
                self.harness.end(key)
            else:
                self.harness.clear(key)
                self.harness.queue.add(key)

    # Time and death

    @rule(seconds=st.sampled_from([0.5, BACK_OFF, 10.0, CAP]))
    def wait(self, seconds: float) -> None:
        self.harness.clock.advance(seconds)

    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """Only what is stored survives; the new process sees it in any order."""
        stored = data.draw(st.permutations(list(self.harness.store)), label="stored")
        old, self.harness = self.harness, Harness(self.limit, clock=self.harness.clock)
        self.harness._version, self.harness.asked = old._version, old.asked
        for job in stored:
            self.harness.store.put(job)
            self.harness.queue.add(job.key)
        for job in stored:
            if uses_quota(job) or may_wait(job):
                self.harness.bind_key(job.key, self.group_of[job.key.namespace])
        self.harness.quota.restore(job for job in stored if may_wait(job))
        self.going, self.sent, self.orphans, self.ready = {}, {}, [], []

    # What must hold

    @precondition(lambda self: hasattr(self, "harness"))
    @invariant()
    def never_more_than_the_limit(self) -> None:
        """Whatever keys the Secrets hold meanwhile."""
        for group in (GROUP, OTHER_GROUP):
            assert self._taken(group) <= self.limit

    @precondition(lambda self: hasattr(self, "harness"))
    @invariant()
    def counts_what_the_store_shows(self) -> None:
        for key_quota in self.harness.quota._keys:
            kept = sum(
                one.has_slot and one.key_quota is key_quota for one in self.harness.quota._waiters
            )
            assert kept <= key_quota.total <= kept + len(self._created(key_quota.key_id))
            if not self.harness.quota._keys._new:
                assert key_quota.total == kept + len(self._created(key_quota.key_id))
            assert +key_quota._used == key_quota._used
            assert key_quota._used.total() == key_quota.total

    def teardown(self) -> None:
        """Nobody is left behind once Google takes what it is sent, and no wake-up has got lost."""
        if not hasattr(self, "harness"):
            return
        for key in self.going:
            self.harness.queue.add(key)
        for key, group in self.sent.items():
            self.harness.passed(key, group)
        self.going, self.sent = {}, {}
        for _ in range(40 + 4 * self.begun):
            self._end_all()
            self.ready += self.harness.queue.take()
            while self.ready:
                self._run(self.ready.pop(0))
            self.harness.clock.advance(CAP)
        left = [key for key, job in self._jobs().items() if not (job.finished or job.spec.suspend)]
        assert left == []
        assert self.harness.quota.waiting == 0

    def _run(self, key: Key) -> None:
        self._pass(key)
        if (group := self.going.pop(key, None)) is not None:
            self.harness.write_ahead(key)
            self.harness.passed(key, group)

    def _end_all(self) -> None:
        for key, job in self._jobs().items():
            if uses_quota(job):
                self.harness.end(key)

    # Helpers

    def _jobs(self) -> dict[Key, Job]:
        return {job.key: job for job in self.harness.store}

    def _taken(self, group: str) -> int:
        """Slots of a key that are used, or reserved for a reconcile under way."""
        going = {key for key, its in self.going.items() if its == group}
        return len(self._created(group) | going)

    def _created(self, group: str) -> set[Key]:
        """The jobs whose open batch was created with the key."""
        held = {key: job for key, job in self._jobs().items() if uses_quota(job)}
        return {
            key
            for key, job in held.items()
            if job.status.attempt
            and job.status.attempt.api_key_fingerprint == named(group, job.uid)
        }

    def _choose(self, data: st.DataObject, keys: list[Key]) -> Key | None:
        return data.draw(st.sampled_from(sorted(keys)), label="job") if keys else None


TestQuotaHistories = QuotaHistories.TestCase
TestQuotaHistories.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
