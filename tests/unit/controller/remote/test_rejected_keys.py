"""When Secrets with a rejected API key are read again, and which jobs a corrected one wakes."""

import base64
import itertools
from collections.abc import Callable
from typing import Any, cast

import pytest

from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.remote import api_keys
from gemini_operator.controller.remote.api_keys import ApiKey, ApiKeys
from gemini_operator.controller.remote.rejected_keys import (
    CALM,
    LATEST,
    PER_NAMESPACE,
    SOONEST,
    RejectedKeys,
)
from gemini_operator.controller.store import Store
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.kube.errors import ApiServerUnavailable, ObjectNotFound
from tests.unit.controller.builders import a_job, submitted, time, unnamed
from tests.unit.controller.clocks import ManualClock

TTL = 60.0
REJECTED, CORRECT = "a-rejected-key-of-twenty-and-more", "a-correct-key-of-twenty-and-more"


class ApiServer:
    """Serves one Secret of each name, all with the same value until told otherwise."""

    def __init__(self) -> None:
        self.values: dict[str, str | None] = {}
        self.read: list[tuple[str, str]] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    async def get(self, *path: str) -> dict[str, Any]:
        namespace, name = path[-3], path[-1]
        self.read.append((namespace, name))
        self.meanwhile()
        if self.error is not None:
            raise self.error
        value = self.values.get(name, REJECTED)
        if value is None:
            raise ObjectNotFound(404, "NotFound", "it is gone")
        return {"data": {"api-key": base64.b64encode(value.encode()).decode()}}


class Parts:
    """Rejected keys beside the real cache of API keys; `search` stands for the sweeper's."""

    def __init__(self) -> None:
        self.clock, self.store, self.api_server = ManualClock(), Store(), ApiServer()
        self.woken: list[Key] = []
        self.listed: list[Key] = []
        self.bound: list[KeyRef] = []
        self._versions = itertools.count(100)
        self.api_keys = ApiKeys(
            cast(Any, self.api_server),
            GeminiClients(GeminiSettings()),
            self.clock,
            TTL,
            resolved=lambda ref, *_: self.bound.append(ref),
        )
        self.rejected_keys = RejectedKeys(
            self.api_keys, self.store, cast(Any, self), self.clock, wake=self.woken.append
        )

    def search(self, _: ApiKey, key: Key) -> None:
        self.listed.append(key)

    async def reconciled(
        self,
        reason: str | None = "CredentialsRejected",
        *,
        says: str = "Stalled",
        name: str = "job",
        namespace: str = "team-a",
        secret: str = "key",
        status: dict[str, Any] | None = None,
        resolved: bool = True,
    ) -> Job:
        """Put a job that has used its API key and says `reason`."""
        condition = {"type": says, "status": "True", "message": "-", "reason": reason}
        conditions = [{**condition, "lastTransitionTime": time()}] if reason else []
        job = a_job(
            name=name,
            namespace=namespace,
            uid=f"{namespace}-{name}",
            resourceVersion=str(next(self._versions)),
            spec={"apiKeySecretRef": {"name": secret, "key": "api-key"}},
            status={**(status or {"state": "Queued"}), "conditions": conditions},
        )
        self.store.put(job)
        if resolved:
            await self.api_keys.resolve(job.api_key)
        self.rejected_keys.note(job)
        self.api_server.read.clear()
        self.bound.clear()
        return job

    async def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await self.rejected_keys.look()


@pytest.mark.parametrize(
    ("status", "read"),
    [(unnamed(), True), (submitted(), False), ({"state": "Queued"}, False)],
    ids=["a create of unknown outcome", "a named batch", "no attempt"],
)
async def test_s11_an_ambiguous_create_waits_for_the_key_it_was_sent_with(
    status: dict[str, Any], read: bool
) -> None:
    parts = Parts()
    job = await parts.reconciled("AmbiguousSubmission", status=status)
    parts.api_server.values["key"] = CORRECT
    await parts.after(SOONEST)
    assert parts.listed == parts.woken == ([job.key] if read else [])


@pytest.mark.parametrize("reason", ["CredentialsRejected", "KeyChanged", "DeletionBlocked"])
async def test_p10_a_corrected_key_wakes_its_jobs_within_seconds(reason: str) -> None:
    parts = Parts()
    job = await parts.reconciled(reason)
    other = await parts.reconciled(reason, name="other", secret="another")
    parts.api_server.values["key"] = CORRECT
    await parts.after(SOONEST)
    assert parts.woken == [job.key]
    assert other.key not in parts.woken
    # The quota learns it, so that the jobs that wait for the rejected key go on as well.
    assert parts.bound == [job.api_key]
    assert parts.listed == []


async def test_a_job_that_has_no_room_for_its_file_waits_for_a_key_of_another_project() -> None:
    parts = Parts()
    job = await parts.reconciled("FileStorageFull", says="Submitted")
    await parts.reconciled("QuotaExceeded", says="Submitted", name="other", secret="another")
    parts.api_server.values["key"] = CORRECT
    await parts.after(SOONEST)
    assert parts.woken == [job.key]
    await parts.after(LATEST)
    assert "another" not in {secret for _, secret in parts.api_server.read}


async def test_the_batches_of_a_corrected_key_are_listed() -> None:
    parts = Parts()
    job = await parts.reconciled(status=submitted())
    parts.api_server.values["key"] = CORRECT
    await parts.after(SOONEST)
    assert parts.listed == parts.woken == [job.key]


@pytest.mark.parametrize("key", [REJECTED, CORRECT], ids=["as before", "another"])
async def test_a_secret_that_was_missing_helps_with_any_key(key: str) -> None:
    parts = Parts()
    job = await parts.reconciled("CredentialsMissing", status=submitted())
    parts.api_server.values["key"] = None
    await parts.after(SOONEST)
    assert parts.woken == []
    parts.api_server.values["key"] = key
    await parts.after(SOONEST)
    assert parts.listed == parts.woken == [job.key]


async def test_a_secret_that_is_back_before_it_is_read_again_helps_too() -> None:
    parts = Parts()
    job = await parts.reconciled("CredentialsMissing", status=submitted())
    await parts.after(SOONEST)
    assert parts.listed == parts.woken == [job.key]


async def test_a_rejected_key_that_was_deleted_and_is_back_is_tried_again() -> None:
    """Otherwise the job would go on to say that there is none."""
    parts = Parts()
    job = await parts.reconciled(status=submitted())
    parts.api_server.values["key"] = None
    await parts.after(SOONEST)
    await parts.reconciled("CredentialsMissing", status=submitted(), resolved=False)
    parts.api_server.values["key"] = REJECTED
    await parts.after(LATEST)
    assert parts.listed == parts.woken == [job.key]


async def test_a_job_without_an_attempt_looks_for_its_secret_by_itself() -> None:
    parts = Parts()
    await parts.reconciled("CredentialsMissing")
    await parts.after(LATEST)
    assert parts.api_server.read == []


async def test_a_secret_is_read_less_often_the_longer_its_jobs_wait() -> None:
    parts = Parts()
    await parts.reconciled()
    times = []
    for second in range(1, 600):
        await parts.after(1.0)
        if parts.api_server.read:
            times.append(second)
            parts.api_server.read.clear()
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert times[0] == SOONEST
    assert pauses == sorted(pauses)
    assert pauses[-1] == LATEST
    assert parts.woken == []


@pytest.mark.parametrize("reason", [None, "InputMissing", "RemoteUnavailable"])
async def test_a_job_that_waits_for_something_else_has_no_secret_read(reason: str | None) -> None:
    parts = Parts()
    await parts.reconciled(reason)
    await parts.after(LATEST)
    assert parts.api_server.read == []


async def test_a_job_that_goes_on_again_ends_the_reads() -> None:
    parts = Parts()
    await parts.reconciled()
    await parts.reconciled(None)
    await parts.after(LATEST)
    assert parts.api_server.read == []


async def test_a_second_rejection_counts_anew() -> None:
    parts = Parts()
    job = await parts.reconciled()
    await parts.after(TTL * 10)
    parts.api_server.values["key"] = CORRECT
    await parts.after(LATEST)
    parts.rejected_keys.note(job)
    parts.api_server.values["key"] = REJECTED
    await parts.after(SOONEST)
    assert parts.woken == [job.key] * 2


@pytest.mark.parametrize(
    "error",
    [
        ApiServerUnavailable(503, "ServiceUnavailable", "try again"),
        ObjectNotFound(404, "NotFound", "it is being replaced"),
        RuntimeError("unforeseen"),
    ],
)
async def test_a_failed_read_of_one_secret_stops_nothing(error: Exception) -> None:
    parts = Parts()
    job = await parts.reconciled()
    parts.api_server.error = error
    await parts.after(SOONEST)
    assert parts.woken == []
    parts.api_server.error, parts.api_server.values["key"] = None, CORRECT
    await parts.after(LATEST)
    assert parts.woken == [job.key]


async def test_s10_a_thousand_secrets_of_one_namespace_delay_no_other() -> None:
    parts = Parts()
    for number in range(PER_NAMESPACE * 10):
        await parts.reconciled(name=f"job-{number}", secret=f"key-{number}")
    job = await parts.reconciled(namespace="team-b")
    parts.api_server.values["key"] = CORRECT
    await parts.after(SOONEST)
    assert parts.woken == [job.key]
    assert len(parts.api_server.read) == PER_NAMESPACE + 1
    parts.api_server.read.clear()
    await parts.after(0.0)
    assert len(set(parts.api_server.read)) == PER_NAMESPACE


async def test_a_key_that_another_job_read_first_wakes_the_jobs_that_still_wait() -> None:
    parts = Parts()
    job = await parts.reconciled(status=submitted())
    parts.api_server.values["key"] = CORRECT
    # The cache was too old, and a job of the same Secret has read it since.
    parts.clock.advance(TTL)
    await parts.api_keys.resolve(job.api_key)
    await parts.after(0.0)
    assert parts.listed == parts.woken == [job.key]


async def test_s10_a_cache_that_is_too_small_wakes_no_job_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_keys, "REMEMBERED", 1)
    parts = Parts()
    for secret in ("one", "two", "three"):
        await parts.reconciled(name=secret, secret=secret)
    for _ in range(60):
        await parts.after(LATEST)
    assert parts.woken == []


async def test_s10_a_secret_that_changes_all_the_time_wakes_its_jobs_less_and_less_often() -> None:
    parts = Parts()
    job = await parts.reconciled(status=submitted())
    times = []
    for second in range(1, 300):
        parts.api_server.values["key"] = f"{REJECTED}-{second}"
        await parts.after(1.0)
        parts.rejected_keys.note(job)
        if parts.woken:
            times.append(second)
            parts.woken.clear()
    assert [after - before for before, after in itertools.pairwise(times)][:3] == [4, 8, LATEST]
    assert len(times) == 3 + 285 // LATEST
    # Once it stays as it is, the next correction is found as soon as the first.
    for _ in range(int(CALM + LATEST)):
        await parts.after(1.0)
    for value in (CORRECT, REJECTED):
        parts.woken.clear()
        parts.api_server.values["key"] = value
        await parts.after(LATEST if value == CORRECT else SOONEST)
        assert parts.woken == [job.key]


@pytest.mark.parametrize("successor", [True, False])
async def test_s11_a_job_that_was_replaced_during_the_read_is_left_alone(successor: bool) -> None:
    parts = Parts()
    job = await parts.reconciled(status=submitted())
    parts.api_server.values["key"] = CORRECT

    def replace() -> None:
        parts.store.remove(job.key, job.uid)
        if successor:
            parts.store.put(
                a_job(uid="another", resourceVersion="999", spec={}, status=submitted())
            )

    parts.api_server.meanwhile = replace
    await parts.after(SOONEST)
    assert parts.woken == parts.listed == []
