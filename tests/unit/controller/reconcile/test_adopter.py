"""What of the adopter needs neither Google nor an API server."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from gemini_operator.api import names
from gemini_operator.api.v1alpha1.spec import AdoptSource
from gemini_operator.controller.job import Job
from gemini_operator.controller.reconcile.adopter import _holders, _record
from gemini_operator.controller.remote.api_keys import ApiKey
from tests.unit.controller.builders import (
    BATCH,
    NOW,
    OTHER_UID,
    a_batch,
    a_job,
    a_snapshot,
    an_attempt,
    finished,
    submitted,
    time,
    unnamed,
)

TERMS = AdoptSource(batch_name=BATCH)
FOUND = a_batch()
KEYS = [
    ApiKey(SecretStr(f"emulator-of-project-{name}"), name, None)  # type: ignore[arg-type]
    for name in "ab"
]


def another(status: dict[str, Any], **metadata: Any) -> Job:
    """Another job."""
    members = {"uid": OTHER_UID, "name": "another", "creationTimestamp": time(), **metadata}
    return a_job(status=status, **members)


@pytest.mark.parametrize(
    ("status", "metadata", "has_it", "over"),
    [
        pytest.param({"batchName": BATCH}, {}, False, False, id="a claim"),
        pytest.param(
            {"batchName": BATCH}, {"deletionTimestamp": time()}, False, True, id="its job goes"
        ),
        pytest.param(submitted(), {}, True, False, id="its batch"),
        pytest.param(finished(), {}, True, True, id="it has ended"),
        pytest.param(submitted(), {"deletionTimestamp": time()}, True, True, id="it is deleted"),
        pytest.param(unnamed(batchName=BATCH), {}, False, False, id="an attempt without a batch"),
        pytest.param(
            submitted(attempt=an_attempt(batchName="batches/x")), {}, False, False, id="another's"
        ),
    ],
)
def test_p25_a_job_has_the_batch_of_its_attempt_and_claims_the_one_it_only_names(
    status: dict[str, Any], metadata: dict[str, str], has_it: bool, over: bool
) -> None:
    for proven in ({OTHER_UID}, set[str]()):
        [holder] = _holders([another(status, **metadata)], TERMS, proven)
        assert (holder.uid, holder.created) == (OTHER_UID, NOW)
        assert (holder.has_it, holder.over) == (has_it, over)
        assert holder.proven is bool(proven)


def test_p25_an_adoption_is_recorded_like_an_attempt_of_now() -> None:
    now = NOW + timedelta(hours=1)
    record = _record(a_snapshot(now=now), FOUND, KEYS[0])
    assert (record.number, record.start_time, record.batch_name) == (1, now, BATCH)
    assert names.matches(names.ATTEMPT_ID, record.id)
    assert record.id != _record(a_snapshot(), FOUND, KEYS[0]).id


def test_s11_with_the_fingerprint_of_the_key_that_found_the_batch() -> None:
    one, same, other = (
        _record(a_snapshot(), FOUND, key).api_key_fingerprint for key in (KEYS[0], *KEYS)
    )
    assert one == same != other
    assert "emulator" not in str(one)
