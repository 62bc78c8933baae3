from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from gemini_operator.controller.job import Job
from gemini_operator.controller.memory import Facts, Memory
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.remote.sweep import Sweeper, _listed_for
from gemini_operator.controller.store import Store
from gemini_operator.gemini.errors import CredentialsRejected, GeminiError, Unavailable
from gemini_operator.gemini.remote import Listing
from tests.unit.controller.builders import (
    EARLIER,
    FINGERPRINT,
    MONOTONIC,
    NOW,
    a_job,
    an_attempt,
    finished,
    submitted,
    unnamed,
)
from tests.unit.controller.clocks import ManualClock

GIVEN_UP = [an_attempt(EARLIER)]
OTHER_FINGERPRINT = "e" * 16


@pytest.mark.parametrize(
    ("status", "hours", "listed"),
    [
        pytest.param({}, 0, False, id="nothing at Google"),
        pytest.param(unnamed(), 0, True, id="searching"),
        pytest.param(submitted(), 0, True, id="running"),
        pytest.param(finished(), 0, False, id="finished"),
        pytest.param({"supersededAttempts": GIVEN_UP}, 0, True, id="given up, not sent again"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 71, True, id="may still surface"),
        pytest.param(finished(supersededAttempts=GIVEN_UP), 73, False, id="72 h after the end"),
    ],
)
def test_p12_a_sweep_lists_for_jobs_that_have_or_may_have_something_at_google(
    status: dict[str, Any], hours: int, listed: bool
) -> None:
    assert _listed_for(a_job(status=status), NOW + timedelta(hours=hours)) is listed


@pytest.mark.parametrize(
    ("error", "usable"),
    [(None, True), (Unavailable("503"), True), (CredentialsRejected("403"), False)],
    ids=["a list", "no answer", "refused"],
)
async def test_p22_a_key_that_google_takes_is_usable(
    error: GeminiError | None, usable: bool
) -> None:
    """The two minutes of a deletion without one begin again with the next refusal."""

    facts = await listed(a_job(status=unnamed(), deleting=True), FINGERPRINT, error)
    assert (facts.keyless_since is None) is usable


@pytest.mark.parametrize(
    ("status", "usable"),
    [
        (unnamed(), False),
        (submitted(supersededAttempts=GIVEN_UP), False),
        (submitted(), True),
    ],
    ids=["unsettled", "given up", "named"],
)
async def test_s11_a_deletion_waits_for_the_key_that_its_attempts_were_sent_with(
    status: dict[str, Any], usable: bool
) -> None:
    facts = await listed(a_job(status=status, deleting=True), OTHER_FINGERPRINT)
    assert (facts.keyless_since is None) is usable


async def listed(job: Job, fingerprint: str, error: GeminiError | None = None) -> Facts:
    """The facts about a deleted job without a usable key, after a list by a key with `fingerprint`."""

    class Remote:
        async def search(self) -> Listing:
            if error is not None:
                raise error
            return Listing((), complete=True)

    class Known(ApiKey):
        def fingerprint(self, uid: str) -> str:
            assert uid == job.uid
            return fingerprint

    client = SimpleNamespace(batches=Remote())
    clients = cast(Any, SimpleNamespace(for_key=lambda _key: client))
    store, memory = Store(), Memory()
    store.put(job)
    memory.of(job).keyless_since = MONOTONIC
    sweeper = Sweeper(
        cast(Any, None), store, memory, ManualClock(), wake=lambda _: None, interval=60.0
    )
    await sweeper._list(Known(SecretStr("k" * 20), "key", clients), {job.key})
    return memory.of(job)
