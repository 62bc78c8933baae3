"""Reads are delayed when there are too many, never dropped (rules P18, S10)."""

import pytest

from gemini_operator.controller.job import Key
from gemini_operator.controller.remote.read_budget import Delayed, Rate, ReadBudget
from tests.unit.controller.clocks import ManualClock

JOB, OTHER = Key("team", "one"), Key("team", "two")


def test_p18_a_job_reads_in_bursts_and_then_at_its_rate() -> None:
    clock = ManualClock()
    budget = ReadBudget(clock, per_key=Rate(100, 10), per_job=Rate(2, 0.5))
    budget.take("key", JOB)
    budget.take("key", JOB)
    with pytest.raises(Delayed) as delayed:
        budget.take("key", JOB)
    assert delayed.value.seconds == pytest.approx(2.0)
    budget.take("key", OTHER)
    clock.advance(2.0)
    budget.take("key", JOB)


def test_s10_a_key_has_a_bucket_for_all_its_jobs_and_none_of_anothers() -> None:
    budget = ReadBudget(ManualClock(), per_key=Rate(1, 1), per_job=Rate(5, 1))
    budget.take("key", JOB)
    with pytest.raises(Delayed):
        budget.take("key", OTHER)
    budget.take("another", OTHER)


def test_a_delayed_read_is_not_counted() -> None:
    clock = ManualClock()
    budget = ReadBudget(clock, per_key=Rate(1, 1), per_job=Rate(1, 1))
    budget.take("key", JOB)
    for _ in range(3):
        with pytest.raises(Delayed):
            budget.take("key", JOB)
    clock.advance(1.0)
    budget.take("key", JOB)


def test_a_job_that_is_gone_leaves_nothing_behind() -> None:
    budget = ReadBudget(ManualClock(), per_job=Rate(1, 1))
    budget.take("key", JOB)
    budget.forget(JOB)
    budget.take("key", JOB)
