"""What the quota has to know before anything is submitted (rule P23)."""

import asyncio
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import KeyRef
from gemini_operator.controller.quota.quota import Admission
from gemini_operator.controller.quota.warmup import AT_A_TIME, QuotaWarmup, may_wait
from gemini_operator.controller.remote.api_keys import ApiKey, CredentialsProblem
from gemini_operator.gemini.clients import GeminiClients
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.kube.errors import ApiServerUnavailable, KubeError
from tests.unit.controller.builders import a_job, an_attempt, finished, submitted, unnamed
from tests.unit.controller.quotas import GROUP, Harness, named

MISSING = CredentialsProblem(Reason.CREDENTIALS_MISSING, "there is no such Secret")
DOWN = ApiServerUnavailable(503, "ServiceUnavailable", "try again")
RUNNING = {"state": "Running", "attempt": an_attempt()}


class Secrets:
    """Secrets that all hold one key; some namespaces fail, once or always."""

    def __init__(self, harness: Harness) -> None:
        self.fails: dict[str, list[Exception]] = {}
        self.read: list[KeyRef] = []
        self.at_once = self.most_at_once = 0
        self._entrance = harness
        self._clients = GeminiClients(GeminiSettings())

    async def resolve(self, ref: KeyRef) -> ApiKey:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        self.read.append(ref)
        if errors := self.fails.get(ref.namespace):
            raise errors.pop(0)
        self._entrance.quota.bind_key(ref, GROUP, partial(named, GROUP))
        return ApiKey(SecretStr("emulator-demo-0000000001"), GROUP, self._clients)


class Start:
    """A controller that has seen every job and done nothing yet."""

    def __init__(self, limit: int = 1) -> None:
        self.harness = Harness(limit)
        self.secrets = Secrets(self.harness)

    def warmup(self, tries: int = 3) -> QuotaWarmup:
        return QuotaWarmup(
            self.harness.store,
            self.harness.quota,
            resolve=self.secrets.resolve,
            delays=(0.0,) * (tries - 1),
        )


@pytest.fixture
async def start() -> Start:
    return Start()


@pytest.mark.parametrize(
    ("job", "may"),
    [
        ({"status": {"state": "Queued"}}, True),
        ({}, True),
        ({"status": {"state": "Submitting", "supersededAttempts": [an_attempt()]}}, True),
        ({"has_finalizer": False}, False),
        ({"deleting": True}, False),
        ({"status": unnamed()}, False),
        ({"status": submitted()}, False),
        ({"status": finished()}, False),
        ({"spec": {"suspend": True}}, False),
        ({"spec": {"shutdown": "Cancel"}}, False),
    ],
    ids=[
        *("queued", "never asked", "given up", "not held yet", "deleted", "unknown", "open"),
        *("ended", "suspended", "shut down"),
    ],
)
def test_p23_jobs_that_may_want_to_submit_are_queued(job: dict[str, Any], may: bool) -> None:
    assert may_wait(a_job(**job)) is may


async def test_p23_each_secret_that_counts_is_read_once(start: Start) -> None:
    for name, status in [("a/1", RUNNING), ("a/2", None), ("b/1", None), ("c/1", finished())]:
        start.harness.put(name, 0, status)
    await start.warmup().run()
    assert sorted(ref.namespace for ref in start.secrets.read) == ["a", "b"]


async def test_p23_what_is_open_in_any_namespace_counts_before_anybody_asks(start: Start) -> None:
    start.harness.put("a/open", 0, RUNNING)
    waiting = start.harness.put("b/waiting", 1)
    await start.warmup().run()
    assert start.harness.queue.take() == []
    assert start.harness.reserve(waiting) is Admission.QUOTA_FULL


async def test_p23_the_oldest_is_called_whoever_is_read_first(start: Start) -> None:
    young, old = start.harness.put("a/young", 2), start.harness.put("b/old", 1)
    await start.warmup().run()
    assert start.harness.queue.take() == [old]
    assert start.harness.reserve(young) is Admission.QUOTA_FULL


async def test_p23_a_missing_secret_is_skipped_at_once(start: Start) -> None:
    start.secrets.fails["a"] = [MISSING] * 10
    start.harness.put("a/1", 0)
    other = start.harness.put("b/1", 1)
    await start.warmup().run()
    assert len(start.secrets.fails["a"]) == 9
    assert start.harness.queue.take() == [other], "and keeps no place from others"


async def test_p23_a_secret_that_cannot_be_read_for_now_is_waited_for(start: Start) -> None:
    start.secrets.fails["a"] = [DOWN, KubeError(500, "InternalError", "etcd")]
    start.harness.put("a/open", 0, RUNNING)
    waiting = start.harness.put("b/waiting", 1)
    await start.warmup(tries=3).run()
    assert start.harness.reserve(waiting) is Admission.QUOTA_FULL


async def test_p23_a_secret_that_stays_unreadable_does_not_stop_the_others(start: Start) -> None:
    start.secrets.fails["a"] = [DOWN] * 3
    start.harness.put("a/open", 0, RUNNING, group="group-2")
    waiting = start.harness.put("b/waiting", 1)
    with capture_logs() as logged:
        await start.warmup(tries=3).run()
    assert start.harness.queue.take() == [waiting]
    assert [(throttle["namespace"], throttle["secret"]) for throttle in logged] == [
        ("a", "gemini-api-key")
    ] * 3


async def test_p23_a_batch_counts_for_a_key_that_only_another_secret_holds(start: Start) -> None:
    start.secrets.fails["a"] = [MISSING]
    start.harness.put("a/open", 0, RUNNING)
    waiting = start.harness.put("b/waiting", 1)
    await start.warmup().run()
    assert start.harness.queue.take() == []
    assert start.harness.reserve(waiting) is Admission.QUOTA_FULL


async def test_s10_secrets_are_read_a_few_at_a_time(start: Start) -> None:
    for number in range(100):
        start.harness.put(f"ns-{number}/job", number)
    await start.warmup().run()
    assert len(start.secrets.read) == 100
    assert start.secrets.most_at_once == AT_A_TIME


async def test_p23_a_resync_notices_lost_wake_ups_and_replaced_secrets(start: Start) -> None:
    """Once, without insisting: the next time comes."""
    start.harness.put("a/1", 0)
    warmup = start.warmup()
    await warmup.run()
    [called] = start.harness.queue.take()
    start.secrets.fails["a"] = [DOWN]
    await warmup.resync()
    assert start.secrets.fails["a"] == []
    assert start.harness.queue.take() == [called]
