"""Reads are delayed when there are too many, never dropped (rules P18, S10)."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.job import Key
from gemini_operator.controller.remote.read_budget import Delayed, Rate, ReadBudget
from gemini_operator.controller.workqueue import KeyedQueue
from tests.unit.controller.clocks import ManualClock

JOB, OTHER, THIRD = Key("team", "one"), Key("team", "two"), Key("team", "three")
STRANGER = Key("elsewhere", "one")

PLENTY = Rate(100, 100)


class Reads:
    """A budget, and jobs that are reconciled when the queue says so."""

    def __init__(self, per_key: float, per_job: Rate = PLENTY) -> None:
        self.clock = ManualClock()
        self.queue = KeyedQueue(self.clock)
        self.budget = ReadBudget(self.clock, self.queue, per_key=per_key, per_job=per_job)
        self.reconciles: list[Key] = []
        self.read: list[Key] = []

    def try_to_read(self, job: Key, key_id: str = "key") -> float:
        """One reconcile of the job; returns the seconds that it has to wait, 0 if it has read."""
        self.reconciles.append(job)
        try:
            self.budget.reserve(key_id, job)
        except Delayed as delayed:
            self.queue.add_after(job, delayed.seconds)
            return delayed.seconds
        finally:
            self.budget.leave(job)
        self.budget.use(job)
        self.read.append(job)
        return 0.0

    def reconcile_without_a_read(self, job: Key) -> None:
        self.budget.leave(job)

    def woken(self) -> list[Key]:
        """The jobs that the queue wants reconciled now."""
        keys = []
        self.queue._fire()
        while self.queue.depth:
            keys.append(self.queue._take())
            self.queue.done(keys[-1])
            self.queue._fire()
        return keys

    def after(self, seconds: float) -> list[Key]:
        """The jobs that read when so much time has passed."""
        self.clock.advance(seconds)
        before = len(self.read)
        for key in self.woken():
            self.try_to_read(key)
        return self.read[before:]

    def line_up(self, jobs: Iterable[Key]) -> None:
        for job in jobs:
            assert self.try_to_read(job) == math.inf


def used_up(per_key: float = 1.0) -> Reads:
    """A key whose token another job has just taken."""
    reads = Reads(per_key)
    assert reads.try_to_read(Key("team", "before")) == 0
    return reads


def test_p18_a_job_reads_in_bursts_and_then_at_its_rate() -> None:
    reads = Reads(100, per_job=Rate(2, 0.5))
    assert [reads.try_to_read(JOB) for _ in range(3)] == [0, 0, pytest.approx(2.0)]
    assert reads.try_to_read(OTHER) == 0
    assert reads.after(2.0) == [JOB]


def test_s10_a_key_has_a_bucket_for_all_its_jobs_and_none_of_anothers() -> None:
    reads = used_up()
    assert reads.try_to_read(OTHER) == math.inf
    assert reads.try_to_read(JOB, "another") == 0


def test_p18_a_limited_read_comes_back_once_and_in_its_turn() -> None:
    reads = used_up()
    reads.line_up([JOB, OTHER, THIRD])
    assert reads.after(0.9) == []
    assert reads.after(0.1) == [JOB]
    assert reads.after(1.0) == [OTHER]
    assert reads.after(1.0) == [THIRD]
    assert reads.reconciles.count(THIRD) == 2
    assert reads.after(10.0) == []


def test_a_late_timer_wakes_as_many_as_there_are_tokens() -> None:
    reads = Reads(4.0)
    assert [reads.try_to_read(Key("team", name)) for name in "abcd"] == [0] * 4
    reads.line_up([JOB, OTHER, THIRD])
    assert reads.after(0.6) == [JOB, OTHER]
    assert reads.after(0.15) == [THIRD]


def test_s10_namespaces_of_a_key_take_turns() -> None:
    reads = used_up()
    reads.line_up([JOB, OTHER, THIRD, STRANGER])
    order = [reads.after(1.0) for _ in range(4)]
    assert order == [[JOB], [STRANGER], [OTHER], [THIRD]]


def test_a_reconcile_before_its_turn_reserves_no_second_one() -> None:
    reads = used_up()
    reads.line_up([JOB, OTHER])
    reads.line_up([JOB, JOB, JOB])
    assert [reads.after(1.0) for _ in range(3)] == [[JOB], [OTHER], []]


def test_a_job_that_comes_later_does_not_overtake() -> None:
    """Even if it is reconciled at the moment at which there is a token."""
    reads = used_up()
    reads.line_up([JOB])
    reads.clock.advance(1.0)
    assert reads.try_to_read(OTHER) == math.inf
    assert reads.after(0.0) == [JOB]


def test_a_job_that_asks_when_its_token_is_there_reads_at_once() -> None:
    """And is not requeued for it."""
    reads = used_up()
    reads.line_up([JOB])
    reads.clock.advance(1.0)
    assert reads.try_to_read(JOB) == 0
    assert reads.woken() == []


@pytest.mark.parametrize("when", ["before its turn", "in its turn"])
@pytest.mark.parametrize("how", ["gone", "unused"])
def test_a_turn_that_nobody_uses_is_the_next_jobs(when: str, how: str) -> None:
    reads = used_up()
    reads.line_up([JOB, OTHER])
    if when == "in its turn":
        reads.clock.advance(1.0)
        assert reads.woken() == [JOB]
    if how == "gone":
        reads.budget.forget(JOB)
    else:
        reads.reconcile_without_a_read(JOB)
    assert reads.after(0.0 if when == "in its turn" else 1.0) == [OTHER]


def test_a_job_that_has_to_wait_for_something_else_keeps_its_turn() -> None:
    """Other jobs call Google: it asked for the read and did not get to it."""
    reads = used_up()
    reads.line_up([JOB])
    reads.clock.advance(1.0)
    assert reads.woken() == [JOB]
    reads.budget.reserve("key", JOB)
    reads.budget.leave(JOB)
    assert reads.try_to_read(OTHER) == math.inf
    assert reads.try_to_read(JOB) == 0


def test_a_job_with_another_key_gives_up_its_turn_with_the_old_one() -> None:
    reads = used_up()
    reads.line_up([JOB, OTHER])
    assert reads.try_to_read(JOB, "new") == 0
    assert reads.after(1.0) == [OTHER]


@pytest.mark.row(100)
def test_s10_a_flood_for_one_job_delays_no_other() -> None:
    reads = Reads(10.0, per_job=Rate(2, 0.2))
    assert [reads.try_to_read(JOB) for _ in range(2)] == [0, 0]
    for _ in range(100):
        assert reads.try_to_read(JOB) == pytest.approx(5.0)
    assert [reads.try_to_read(Key("team", str(n))) for n in range(8)] == [0] * 8


def test_a_job_that_is_gone_leaves_nothing_behind() -> None:
    reads = Reads(100, per_job=Rate(1, 1))
    reads.try_to_read(JOB)
    reads.budget.forget(JOB)
    assert reads.try_to_read(JOB) == 0


def test_s10_memory_holds_only_keys_and_jobs_in_use() -> None:
    reads = Reads(1.0)
    for number in range(100):
        reads.try_to_read(JOB, f"key-{number}")
        reads.clock.advance(10.0)
    reads.budget.forget(JOB)
    budget = reads.budget
    assert len(budget._keys) <= 2
    assert (budget._jobs, budget._reserved, budget._asked) == ({}, {}, set())


def test_a_429_slows_down_the_jobs_that_wait_and_those_that_come() -> None:
    reads = used_up(4.0)
    assert [reads.try_to_read(Key("team", str(n))) for n in range(3)] == [0] * 3
    reads.line_up([JOB, OTHER])
    reads.budget.throttled("key", 5.0)
    reads.line_up([THIRD])
    assert reads.after(4.9) == []
    assert reads.after(0.1) == [JOB, OTHER]
    assert reads.after(0.5) == [THIRD]
    assert reads.try_to_read(JOB, "another") == 0


def test_answers_raise_the_rate_again() -> None:
    reads = Reads(4.0)
    reads.budget.throttled("key", None)
    reads.clock.advance(1.0)
    reads.budget.succeeded("key")
    assert reads.budget._keys["key"].rate.per_second == 4.0


KEYS = st.builds(Key, st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2", "3"]))
STEPS = st.tuples(st.sampled_from(["ask", "leave", "forget", "wait"]), KEYS)


@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_every_job_that_goes_on_asking_reads_and_none_too_early(
    steps: list[tuple[str, Key]],
) -> None:
    reads, wanted, passed = Reads(2.0), set[Key](), 0.0
    for step, key in steps:
        if step == "ask":
            wanted.add(key)
            if reads.try_to_read(key) == 0:
                wanted.discard(key)
        elif step == "wait":
            passed += 0.7
            wanted -= set(reads.after(0.7))
        else:
            wanted.discard(key)
            if step == "leave":
                reads.reconcile_without_a_read(key)
            else:
                reads.budget.forget(key)
        assert len(reads.read) <= 2 + 2.0 * passed + 1e-3
    for _ in range(len(wanted)):
        wanted -= set(reads.after(0.51))
    assert not wanted
