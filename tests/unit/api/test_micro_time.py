from datetime import UTC, datetime, timedelta, timezone

from gemini_operator.api.model import micro_time


def test_exact_times_are_utc_with_microseconds() -> None:
    berlin = datetime(2026, 5, 4, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert micro_time(berlin) == "2026-05-04T12:00:00.000005Z"
    assert micro_time(datetime(2026, 5, 4, tzinfo=UTC)) == "2026-05-04T00:00:00.000000Z"
