from datetime import UTC, datetime, timedelta, timezone

import pytest

from gemini_operator.gemini import wire


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-01T00:00:00Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T00:00:00.123456789Z", datetime(2026, 1, 1, microsecond=123456, tzinfo=UTC)),
        (
            "2026-01-01T02:00:00+02:00",
            datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("2026-01-01T00:00:00", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1767225600, None),
    ],
)
def test_a_time_is_aware_or_nothing(value: object, expected: datetime | None) -> None:
    assert wire.time(value) == expected


@pytest.mark.parametrize("inner", [None, 1, "x", [], [{"a": 1}]])
def test_what_is_not_an_object_reads_as_an_empty_one(inner: object) -> None:
    assert wire.member({"m": inner}, "m") == {}
    assert wire.member({}, "m") == {}
    assert wire.member({"m": {"a": 1}}, "m") == {"a": 1}
