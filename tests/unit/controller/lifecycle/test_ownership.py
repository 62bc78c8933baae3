from datetime import timedelta
from typing import Any

import pytest

from gemini_operator.controller.job import Job
from gemini_operator.controller.lifecycle.ownership import (
    carries_token,
    comes_before,
    owns,
    recorded_ids,
)
from tests.unit.controller.builders import (
    ADOPTS,
    ATTEMPT,
    BATCH,
    EARLIER,
    NOW,
    OTHER_UID,
    UID,
    a_batch,
    a_job,
    an_attempt,
    finished,
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


# Adopted


def adopter(previous: str | None = None, uid: str = UID, age: int = 300, **of_job: Any) -> Job:
    """A job that says that it has adopted the batch."""
    terms = {"batchName": BATCH, **({"previousUID": previous} if previous else {})}
    made = (NOW - timedelta(seconds=age)).isoformat()
    status = of_job.pop("status", submitted())
    spec = ADOPTS | {"adopt": terms}
    return a_job(spec=spec, status=status, uid=uid, creationTimestamp=made, **of_job)


@pytest.mark.parametrize(
    ("job", "batch", "ours"),
    [
        pytest.param(adopter(), a_batch(attempt=None), True, id="nobody's"),
        pytest.param(adopter(), a_batch(), True, id="its own, of an earlier life"),
        pytest.param(adopter(), a_batch(uid=OTHER_UID), False, id="another's, status forged"),
        pytest.param(adopter(OTHER_UID), a_batch(uid=OTHER_UID), True, id="the one it follows"),
        pytest.param(
            adopter(OTHER_UID, status=submitted(batchName="batches/x")),
            a_batch(uid=OTHER_UID),
            False,
            id="not the status's",
        ),
    ],
)
def test_s07_an_adopted_batch_is_compared_with_the_spec_and_with_google(
    job: Job, batch: Any, ours: bool
) -> None:
    assert owns(job, batch) is ours


THEIRS = a_batch(uid=OTHER_UID)
OWNER = a_job(uid=OTHER_UID, status=submitted())
ENDED = a_job(uid=OTHER_UID, status=finished())
NOBODYS = a_batch(attempt=None)


@pytest.mark.parametrize(
    ("rival", "job", "batch", "first"),
    [
        pytest.param(adopter(), adopter(), NOBODYS, False, id="itself"),
        pytest.param(a_job(uid=OTHER_UID), adopter(), NOBODYS, False, id="without a batch"),
        pytest.param(OWNER, adopter(OTHER_UID), THEIRS, True, id="who submitted it and lives"),
        pytest.param(ENDED, adopter(OTHER_UID), THEIRS, False, id="who submitted it and ended"),
        pytest.param(adopter(UID, OTHER_UID), OWNER, THEIRS, False, id="a stranger, its owner"),
        pytest.param(adopter(OTHER_UID), ENDED, THEIRS, True, id="the heir of one that has ended"),
        pytest.param(
            adopter(OTHER_UID), OWNER, THEIRS, False, id="the heir of one that has not ended"
        ),
        pytest.param(
            adopter(uid=OTHER_UID, age=301), adopter(), NOBODYS, True, id="an older adoption"
        ),
        pytest.param(
            adopter(uid=OTHER_UID, age=299), adopter(), NOBODYS, False, id="a younger adoption"
        ),
        pytest.param(
            adopter(uid=OTHER_UID, age=301, deleting=True),
            adopter(),
            NOBODYS,
            False,
            id="an older adoption that goes",
        ),
    ],
)
def test_s07_who_has_more_right_to_a_batch(rival: Job, job: Job, batch: Any, first: bool) -> None:
    assert comes_before(rival, job, batch) is first
