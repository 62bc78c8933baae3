import pytest

from gemini_emulator.schedule import RetrySchedule, Schedule


def test_a_schedule_is_read_from_the_command_line() -> None:
    assert Schedule.parse("running=5m") == Schedule(pending=1.0, running=300.0)


def test_retries_back_off_exponentially_up_to_the_longest() -> None:
    retries = RetrySchedule.parse("first=5s,max=30s,for=24h")
    delays = [retries.next_attempt(0, attempts, 0) for attempts in range(1, 7)]
    assert delays == [5, 10, 20, 30, 30, 30]


def test_retries_end_24_hours_after_the_event() -> None:
    retries = RetrySchedule.parse("first=1h,max=1h")
    last = 24 * 3600.0
    assert retries.next_attempt(0, 40, last - 3600) == last
    assert retries.next_attempt(0, 40, last - 3599) is None
    assert retries.next_attempt(0, 10_000, last) is None


def test_a_delay_of_nothing_would_never_end() -> None:
    with pytest.raises(ValueError, match="longer than 0s"):
        RetrySchedule.parse("first=0s")
