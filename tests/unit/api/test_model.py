from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gemini_operator.api.model import Model, Time, rfc3339


class Sample(Model):
    start_time: Time


def test_a_time_is_written_in_utc_and_whole_seconds() -> None:
    local = datetime(2026, 1, 1, 2, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))

    assert rfc3339(local) == "2026-01-01T00:00:00Z"
    assert Sample(start_time=local).model_dump(mode="json", by_alias=True) == {
        "startTime": "2026-01-01T00:00:00Z"
    }


# The timezones come from the strategy, and may move a time by a day into another year.
FIRST, LAST = datetime(1970, 1, 2), datetime(9998, 12, 30)  # noqa: DTZ001


@given(st.datetimes(FIRST, LAST, timezones=st.timezones()))
def test_a_time_is_equal_to_what_is_read_back(time: datetime) -> None:
    sample = Sample(start_time=time)

    assert Sample.model_validate(sample.model_dump(mode="json", by_alias=True)) == sample


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        Sample(start_time=datetime(2026, 1, 1))  # noqa: DTZ001 -- the mistake under test


def test_members_are_read_by_either_name_and_unknown_ones_dropped() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    assert Sample(start_time=now) == Sample.model_validate({"startTime": now, "later": 1})


def test_a_model_cannot_be_changed() -> None:
    sample = Sample(start_time=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(ValidationError, match="frozen"):
        sample.start_time = datetime(2027, 1, 1, tzinfo=UTC)  # type: ignore[misc]
