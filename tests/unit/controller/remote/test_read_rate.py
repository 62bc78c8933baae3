"""The rate of reads with one API key follows Google's answers (rule S10)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.controller.remote.read_rate import FLOOR, STEP, ReadRate
from tests.unit.controller.clocks import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def rate(clock: ManualClock) -> ReadRate:
    return ReadRate(100.0, clock.monotonic)


def taken(rate: ReadRate) -> int:
    """How many tokens there are now."""
    count = 0
    while rate.take():
        count += 1
    return count


def test_a_burst_is_the_reads_of_a_second(rate: ReadRate, clock: ManualClock) -> None:
    assert taken(rate) == 100
    assert rate.wait() == pytest.approx(0.01)
    clock.advance(0.5)
    assert taken(rate) == 50


def test_a_429_halves_the_rate_and_ends_the_burst(rate: ReadRate, clock: ManualClock) -> None:
    rate.throttled(None)
    assert rate.per_second == 50
    assert not rate.take()
    clock.advance(1.0)
    assert taken(rate) == 50


def test_reads_that_are_throttled_together_halve_it_once(
    rate: ReadRate, clock: ManualClock
) -> None:
    for _ in range(20):
        rate.throttled(None)
    assert rate.per_second == 50
    clock.advance(1.0)
    rate.throttled(None)
    assert rate.per_second == 25


def test_it_does_not_fall_below_the_floor(rate: ReadRate, clock: ManualClock) -> None:
    for _ in range(20):
        rate.throttled(None)
        clock.advance(1.0)
    assert rate.per_second == FLOOR
    assert taken(rate) == 1


def test_no_read_while_google_asks_to_wait(rate: ReadRate, clock: ManualClock) -> None:
    rate.throttled(8.0)
    rate.throttled(3.0)
    assert rate.wait() == pytest.approx(8.0)
    clock.advance(7.9)
    assert not rate.take()
    clock.advance(0.2)
    assert rate.take()


def test_it_rises_a_step_each_second_of_answers_up_to_the_limit(
    rate: ReadRate, clock: ManualClock
) -> None:
    rate.throttled(None)
    rate.succeeded()
    assert rate.per_second == 50, "an answer to a read from before"
    for second in range(1, 40):
        clock.advance(1.0)
        for _ in range(50):
            rate.succeeded()
        assert rate.per_second == min(100, 50 + STEP * second)
    clock.advance(1.0)
    assert rate.idle


def test_time_without_answers_does_not_raise_it(rate: ReadRate, clock: ManualClock) -> None:
    """Nobody knows yet whether Google would answer faster ones."""
    rate.throttled(None)
    clock.advance(3600.0)
    rate.succeeded()
    assert rate.per_second == 50 + STEP
    assert not rate.idle


def test_a_lowered_rate_is_forgotten_when_nothing_is_read(
    rate: ReadRate, clock: ManualClock
) -> None:
    """The key may be in no Secret any more."""
    rate.throttled(None)
    clock.advance(3600.0)
    assert not rate.idle
    clock.advance(1.0)
    assert rate.idle


@given(
    st.floats(1.0, 1000.0),
    st.lists(
        st.tuples(st.sampled_from(["throttled", "succeeded", "take"]), st.floats(0, 5)),
        max_size=50,
    ),
)
def test_the_rate_stays_between_the_floor_and_the_limit(
    limit: float, steps: list[tuple[str, float]]
) -> None:
    clock = ManualClock()
    rate = ReadRate(limit, clock.monotonic)
    for step, seconds in steps:
        if step == "throttled":
            rate.throttled(seconds)
        elif step == "succeeded":
            rate.succeeded()
        else:
            rate.take()
        clock.advance(seconds)
        assert FLOOR <= rate.per_second <= limit
    clock.advance(rate.wait())
    assert rate.take(), "whoever waits as long as it says gets a token"
