import asyncio

import pytest

from gemini_emulator.schedule import (
    DelayQueue,
    RetrySchedule,
    Schedule,
    duration,
    named_durations,
    rfc3339,
    rfc3339_seconds,
)

from .conftest import ManualClock


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_750_000_000.25, "2025-06-15T15:06:40.250000000Z"),
        (1_750_000_000.999, "2025-06-15T15:06:40.999000072Z"),
    ],
)
def test_a_moment_has_nine_digits_of_a_second(moment: float, written: str) -> None:
    assert rfc3339(moment) == written


def test_a_payload_has_whole_seconds() -> None:
    assert rfc3339_seconds(1_750_000_000.999) == "2025-06-15T15:06:40Z"


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("2s", 2), ("1.5s", 1.5), ("5m", 300), ("24h", 86400)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "s", "-1s", "1 s", "1d", "１s"])  # noqa: RUF001 - a digit of another script must not pass
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration; write for example"):
        duration(text)


def test_names_left_out_keep_their_default() -> None:
    assert named_durations("b=2s", {"a": 1.0, "b": 5.0}) == {"a": 1.0, "b": 2.0}
    assert named_durations("", {"a": 1.0}) == {"a": 1.0}
    assert named_durations(" a = 3s , ", {"a": 1.0}) == {"a": 3.0}


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'c' is unknown; known are a, b"):
        named_durations("c=1s", {"a": 1.0, "b": 1.0})


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


def test_what_is_due_is_taken_once_and_in_order(clock: ManualClock) -> None:
    queue = DelayQueue(clock)
    for identity, delay in (("c", 3), ("a", 1), ("b", 2), ("a", 2), ("d", 9)):
        queue.put(identity, clock.now + delay)
    queue.put("never", None)
    assert queue.take() == []
    clock.advance(3)
    assert queue.take() == ["a", "b", "c"]
    assert queue.take() == []
    clock.advance(6)
    assert queue.take() == ["d"]


async def test_waiting_ends_when_something_is_due(clock: ManualClock) -> None:
    queue = DelayQueue(clock)
    queue.put("a", clock.now + 0.02)
    async with asyncio.timeout(5):
        await queue.wait()  # for the news
        await queue.wait()  # for the moment


async def test_waiting_ends_when_something_is_put(clock: ManualClock) -> None:
    queue = DelayQueue(clock)
    waiting = asyncio.ensure_future(queue.wait())
    await asyncio.sleep(0)
    queue.put("a", clock.now + 3600)
    async with asyncio.timeout(5):
        await waiting
