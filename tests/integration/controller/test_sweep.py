"""Listings and clean-up at Google, by the real parts against the emulator's process."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.reconcile.claims import Claims
from gemini_operator.controller.reconcile.cleanup import Cleanup
from gemini_operator.controller.remote import sweep
from gemini_operator.controller.remote.api_keys import ApiKey
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.tokens import display_name
from tests.emulator_process import API_KEY, EmulatorProcess
from tests.integration.controller.conftest import SLOW
from tests.unit.controller.builders import (
    ATTEMPT,
    EARLIER,
    MODEL,
    OTHER_UID,
    UID,
    a_condition,
    a_job,
    an_attempt,
    submitted,
    unnamed,
)
from tests.unit.controller.clocks import ManualClock
from tests.waiting import eventually_async


@dataclass
class Parts:
    """A sweeper and what it works with, for the jobs of one API key."""

    clients: GeminiClients
    clock: ManualClock = field(default_factory=ManualClock)
    store: Store = field(default_factory=Store)
    memory: Memory = field(default_factory=Memory)
    woken: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sweeper = Sweeper(
            None,  # type: ignore[arg-type]
            self.store,
            self.memory,
            self.clock,
            wake=self.woken.append,
            interval=900.0,
        )

    def credential(self, key: str = API_KEY) -> ApiKey:
        secret = SecretStr(key)
        return ApiKey(secret, self.clients.for_key(secret).key_id, self.clients)

    def add(self, name: str = "job", **of_job: Any) -> Job:
        """A job that searches for the batch of its attempt."""
        own = self.credential().fingerprint(UID)
        status = unnamed(attempt=an_attempt(apiKeyFingerprint=own))
        job = a_job(name=name, **({"status": status} | of_job))
        self.store.put(job)
        attempt = job.status.attempt
        if attempt is not None and attempt.batch_name is None:
            self.memory.of(job).begin_search(
                attempt,
                now=self.clock.now(),
                monotonic=self.clock.monotonic(),
                timeout=25.0,
                grace=60.0,
            )
        return job

    async def search(self, *jobs: Job, key: str = API_KEY) -> None:
        """Ask for a listing for each of the jobs, and wait until all were woken."""
        self.woken.clear()
        for job in jobs:
            self.sweeper.search(self.credential(key), job.key)
        await eventually_async(lambda: len(set(self.woken)) == len(jobs), what="all to be woken")

    async def create(self, uid: str = UID, attempt: str = ATTEMPT, texts: int = 1) -> str:
        """A batch of that attempt; the emulator's name for it."""
        request = {"contents": [{"parts": [{"text": "Say hello."}]}]}
        items = [{"key": str(number), "request": request} for number in range(texts)]
        name = display_name("job", uid, attempt)
        client = self.credential().client
        created = await client.batches.submit(
            Submission(MODEL, "GenerateContent", name, inline=items)
        )
        return created.name


@pytest.fixture
async def parts(emulator: EmulatorProcess) -> AsyncIterator[Parts]:
    clients = GeminiClients(GeminiSettings(base_url=emulator.url, allow_insecure=True))
    parts = Parts(clients)
    yield parts
    await parts.sweeper.close()
    await clients.aclose()


# Sweeping


class Keys:
    """The API key of every job is the same."""

    def __init__(self, api_key: ApiKey) -> None:
        self._api_key = api_key

    async def resolve(self, _ref: KeyRef, **_: object) -> ApiKey:
        return self._api_key


async def test_p20_all_jobs_are_looked_at_at_once_and_those_without_a_webhook_every_minute(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(parts.sweeper, "_api_keys", Keys(parts.credential()))
    adopt = {"adopt": {"batchName": "batches/1"}, "input": None, "deletionPolicy": "Delete"}
    adopted = parts.add("adopted", spec=adopt, status=submitted())
    called = parts.add("called", status=submitted())
    task = asyncio.create_task(parts.sweeper.run())
    await eventually_async(lambda: parts.woken.count(adopted.key) >= 3, what="several looks")
    task.cancel()
    assert parts.woken.count(called.key) == 1
    assert {*parts.woken[:2]} == {adopted.key, called.key}


@SLOW
async def test_p20_of_jobs_that_wait_only_those_with_news_are_woken(parts: Parts) -> None:
    name = await parts.create(texts=1)
    attempt = {**submitted()["attempt"], "batchName": name}
    known = submitted(batchName=name, attempt=attempt, geminiState="BATCH_STATE_PENDING")
    counts = {"total": 1, "succeeded": 0, "failed": 0, "pending": 1}
    waits = parts.add("waits", status={**known, "requests": counts})
    news = parts.add("news", status={**known, "geminiState": "BATCH_STATE_RUNNING"})
    trouble = [a_condition("Stalled", "True", "RemoteUnavailable")]
    stalled = parts.add("stalled", status={**known, "requests": counts, "conditions": trouble})
    parts.woken.clear()
    for job in (waits, news, stalled):
        parts.sweeper.search(parts.credential(), job.key)
    await eventually_async(lambda: len(parts.woken) == 2, what="the list")
    assert {*parts.woken} == {news.key, stalled.key}
    assert parts.memory.of(waits).listed > float("-inf")


# Listing


async def test_p11_one_listing_serves_all_searches_of_a_key(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    jobs = [parts.add(f"job-{number}") for number in range(20)]
    name = await parts.create()
    await parts.search(*jobs)
    assert emulator.requests("batches.list") <= 2, "one, and one for those who came during it"
    for job in jobs:
        list_snapshot = parts.memory.of(job).list_snapshot
        assert list_snapshot is not None
        assert [match.name for match in list_snapshot.matches[ATTEMPT]] == [name]


async def test_p11_a_listing_that_ended_sets_the_time_of_the_next(parts: Parts) -> None:
    job = parts.add()
    search = parts.memory.of(job).search
    assert search is not None
    search.under_way = True
    await parts.search(job)
    assert (search.under_way, search.complete) == (False, 1)
    assert search.due == parts.clock.monotonic() + 1.0


async def test_a_listing_that_fails_tells_nothing_and_is_over(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    job = parts.add()
    emulator.fault("batches.list", "status", status=503)
    await parts.search(job)
    facts = parts.memory.of(job)
    assert facts.list_snapshot is None
    assert facts.refused is None
    assert facts.search is not None
    assert (facts.search.complete, facts.search.incomplete_in_a_row) == (0, 0)
    assert facts.listed == parts.clock.monotonic()


async def test_a_refused_listing_is_remembered_until_one_succeeds(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    job = parts.add()
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Not allowed."}}
    emulator.fault("batches.list", "status", status=403, body=body)
    await parts.search(job)
    assert "Not allowed." in (parts.memory.of(job).refused or "")
    await parts.search(job)
    assert parts.memory.of(job).refused is None


async def test_a_job_that_has_gone_meanwhile_is_not_woken(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    gone, stays = parts.add("gone"), parts.add("stays")
    emulator.fault("batches.list", "delay", delaySeconds=0.2)
    parts.sweeper.search(parts.credential(), gone.key)
    parts.sweeper.search(parts.credential(), stays.key)
    await asyncio.sleep(0)
    parts.store.remove(gone.key)
    await eventually_async(lambda: parts.woken, what="a listing")
    assert parts.woken == [stays.key]


async def test_s07_a_forged_batch_name_is_not_seen_as_the_jobs_batch(parts: Parts) -> None:
    name = await parts.create(uid=OTHER_UID)
    job = parts.add(status=submitted(batchName=name))
    await parts.search(job)
    list_snapshot = parts.memory.of(job).list_snapshot
    assert list_snapshot is not None
    assert list_snapshot.current is None


# Clean-up


async def delete(api_key: ApiKey, job: Job, name: str) -> bool:
    """Where no other job claims anything."""
    unused: Any = None
    return await Cleanup(unused, Claims(unused, Store()), unused, unused)._delete(
        api_key, job, name
    )


async def test_p21_a_batch_of_the_job_is_cancelled_and_deleted(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    name = await parts.create()
    job = a_job(status=submitted(batchName=name))
    assert await delete(parts.credential(), job, name)
    assert emulator.state()["jobs"] == []
    assert not await delete(parts.credential(), job, name), "gone is done"


@pytest.mark.parametrize(("uid", "attempt"), [(OTHER_UID, ATTEMPT), (UID, EARLIER)])
async def test_s07_a_batch_that_is_not_the_jobs_is_left_alone(
    parts: Parts, emulator: EmulatorProcess, uid: str, attempt: str
) -> None:
    name = await parts.create(uid, attempt)
    job = a_job(status=submitted(batchName=name))
    assert not await delete(parts.credential(), job, name)
    assert emulator.requests("batches.cancel") == emulator.requests("batches.delete") == 0


@SLOW
async def test_a_batch_that_has_ended_is_not_cancelled(
    parts: Parts, emulator: EmulatorProcess
) -> None:
    name = await parts.create()
    emulator.job(name.removeprefix("batches/"), "succeed")
    job = a_job(status=submitted(batchName=name))
    assert await delete(parts.credential(), job, name)
    assert emulator.requests("batches.cancel") == 0
    assert emulator.state()["jobs"] == []


@SLOW
async def test_s22_a_batch_too_large_to_be_read_can_be_deleted_all_the_same(
    emulator: EmulatorProcess,
) -> None:
    """Its token is in the list, which carries no results."""
    settings = GeminiSettings(base_url=emulator.url, allow_insecure=True, results_limit=2000)
    parts = Parts(GeminiClients(settings))
    name = await parts.create(texts=20)
    emulator.job(name.removeprefix("batches/"), "succeed")
    job = a_job(status=submitted(batchName=name))
    assert await delete(parts.credential(), job, name)
    assert emulator.state()["jobs"] == []
    await parts.clients.aclose()
