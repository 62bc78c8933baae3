import pytest

from gemini_operator.receiver.budget import WriteBudget


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_s14_a_burst_is_allowed_and_then_the_wait_is_told(clock: Clock) -> None:
    budget = WriteBudget(capacity=3, per_minute=6, clock=clock)
    assert [budget.take("job") for _ in range(3)] == [0, 0, 0]
    assert budget.take("job") == 10
    clock.now = 4
    assert budget.take("job") == pytest.approx(6)
    clock.now = 10
    assert budget.take("job") == 0
    assert budget.take("job") == 10


def test_s14_no_more_than_the_rate_in_the_long_run(clock: Clock) -> None:
    budget = WriteBudget(capacity=10, per_minute=10, clock=clock)
    passed = 0
    for second in range(3600):
        clock.now = float(second)
        passed += budget.take("job") == 0
    assert 10 + 598 <= passed <= 10 + 600


def test_s14_one_job_does_not_spend_anothers(clock: Clock) -> None:
    budget = WriteBudget(capacity=1, per_minute=1, clock=clock)
    assert budget.take(("uid", "first")) == 0
    assert budget.take(("uid", "second")) == 0
    assert budget.take(("uid", "first")) > 0


def test_s14_a_pause_never_saves_up_more_than_the_burst(clock: Clock) -> None:
    budget = WriteBudget(capacity=2, per_minute=60, clock=clock)
    clock.now = 1e9
    assert [budget.take("job") for _ in range(2)] == [0, 0]
    assert budget.take("job") > 0


def test_s14_memory_is_bounded_and_the_least_recently_used_goes_first(clock: Clock) -> None:
    budget = WriteBudget(capacity=1, per_minute=1, max_entries=2, clock=clock)
    budget.take("a")
    budget.take("b")
    assert budget.take("a") > 0
    budget.take("c")
    assert budget.take("a") > 0
    assert budget.take("b") == 0
