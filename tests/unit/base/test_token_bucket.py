import pytest

from gemini_operator.base.token_bucket import TokenBucket


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_new_bucket_is_full_and_then_says_how_long_to_wait(clock: Clock) -> None:
    bucket = TokenBucket(3, 0.1, clock)
    assert [bucket.take() for _ in range(3)] == [0, 0, 0]
    assert bucket.take() == pytest.approx(10)
    clock.now += 4
    assert bucket.take() == pytest.approx(6)
    clock.now += 6
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(10)


def test_a_refused_take_spends_nothing(clock: Clock) -> None:
    bucket = TokenBucket(1, 1, clock)
    bucket.take()
    assert [bucket.take() for _ in range(5)] == [1, 1, 1, 1, 1]
    clock.now += 1
    assert bucket.take() == 0


def test_to_ask_how_long_to_wait_spends_nothing(clock: Clock) -> None:
    bucket = TokenBucket(2, 0.5, clock)
    assert [bucket.wait() for _ in range(5)] == [0, 0, 0, 0, 0]
    bucket.take()
    assert bucket.wait() == 0
    bucket.take()
    assert bucket.wait() == 2


def test_a_pause_refills_no_more_than_the_capacity(clock: Clock) -> None:
    bucket = TokenBucket(2, 1, clock)
    clock.now += 1e9
    assert [bucket.take() for _ in range(2)] == [0, 0]
    assert bucket.take() > 0


def test_a_bucket_never_gives_more_than_its_rate_in_the_long_run(clock: Clock) -> None:
    bucket, taken = TokenBucket(10, 1 / 6, clock), 0
    for _ in range(3600):
        taken += bucket.take() == 0
        clock.now += 1
    assert 10 + 598 <= taken <= 10 + 600


def test_a_token_that_was_not_used_can_be_given_back(clock: Clock) -> None:
    bucket = TokenBucket(2, 1, clock)
    bucket.give_back()
    assert bucket.full
    assert [bucket.take() for _ in range(3)] == [0, 0, 1]
    bucket.give_back()
    assert bucket.take() == 0


def test_a_wait_that_a_clock_cannot_show_is_none(clock: Clock) -> None:
    """Whoever sleeps for it would find the same time again, and the same wait."""
    bucket = TokenBucket(1, 3, clock)
    bucket.take()
    clock.now += bucket.wait() - 1e-9
    assert bucket.wait() == 0
    assert bucket.take() == 0


def test_a_bucket_goes_on_with_another_size_and_rate(clock: Clock) -> None:
    bucket = TokenBucket(10, 10, clock)
    bucket.change(2, 0.5)
    assert [bucket.take() for _ in range(3)] == [0, 0, 2]
    bucket.change(10, 10)
    assert bucket.wait() == pytest.approx(0.1)


def test_a_drained_bucket_has_nothing_left(clock: Clock) -> None:
    bucket = TokenBucket(10, 10, clock)
    bucket.drain()
    assert bucket.take() == pytest.approx(0.1)
