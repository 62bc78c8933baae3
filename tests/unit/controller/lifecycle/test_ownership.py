from typing import Any

import pytest

from gemini_operator.controller.lifecycle.ownership import carries_token, recorded_ids
from tests.unit.controller.builders import (
    ATTEMPT,
    EARLIER,
    OTHER_UID,
    UID,
    a_batch,
    a_job,
    an_attempt,
    submitted,
    unnamed,
)

GIVEN_UP = [an_attempt(EARLIER)]


@pytest.mark.parametrize(
    ("status", "ids"),
    [
        ({}, set()),
        (submitted(), {ATTEMPT}),
        ({"supersededAttempts": GIVEN_UP}, {EARLIER}),
        (unnamed(supersededAttempts=GIVEN_UP), {ATTEMPT, EARLIER}),
    ],
)
def test_p12_every_recorded_attempt_counts(status: dict[str, Any], ids: set[str]) -> None:
    assert recorded_ids(a_job(status=status)) == ids


@pytest.mark.parametrize(
    ("batch", "ours"),
    [
        (a_batch(), True),
        (a_batch(attempt=EARLIER), True),
        (a_batch(attempt="b" * 16), False),
        (a_batch(uid=OTHER_UID), False),
        (a_batch(attempt=None), False),
    ],
)
def test_p12_a_batch_is_the_jobs_by_its_token(batch: Any, ours: bool) -> None:
    job = a_job(status=submitted(supersededAttempts=GIVEN_UP))
    assert carries_token(job, batch) is ours


def test_p11_one_attempt_can_be_asked_for() -> None:
    job = a_job(status=submitted(supersededAttempts=GIVEN_UP))
    assert carries_token(job, a_batch(), ATTEMPT)
    assert not carries_token(job, a_batch(attempt=EARLIER), ATTEMPT)


def test_s07_a_job_that_recorded_nothing_owns_nothing() -> None:
    assert not carries_token(a_job(), a_batch(uid=UID))
    assert not carries_token(a_job(), a_batch(attempt=None))
