import time
from datetime import UTC, timedelta

import pytest

from gemini_operator.base.clock import SystemClock


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
    assert SystemClock().now().tzinfo is UTC


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="Linux has this clock")
def test_p08_the_monotonic_clock_counts_suspension() -> None:
    """CLOCK_BOOTTIME does; CLOCK_MONOTONIC stands still while the machine sleeps."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    between = SystemClock().monotonic()
    assert before <= between <= time.clock_gettime(time.CLOCK_BOOTTIME)
