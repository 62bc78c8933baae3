import random

import pytest

from gemini_operator.base.backoff import Backoff

BACKOFF = Backoff(5.0, 300.0, random.Random(0))


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 5.0), (2, 10.0), (6, 160.0), (7, 300.0), (10_000, 300.0)]
)
def test_each_failure_doubles_the_delay_up_to_the_limit(failures: int, seconds: float) -> None:
    assert BACKOFF.longest(failures) == seconds
    assert all(seconds / 2 <= BACKOFF.seconds(failures) <= seconds for _ in range(20))


def test_jobs_that_failed_together_are_not_tried_again_together() -> None:
    assert len({BACKOFF.seconds(3) for _ in range(20)}) == 20


def test_a_server_that_asks_for_more_time_gets_it() -> None:
    assert BACKOFF.seconds(1, at_least=90.0) == 90.0
