"""What the sweeper looks at once a minute: the Secrets of jobs that wait for their batch."""

import asyncio
import base64
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job, Key, KeyRef
from gemini_operator.controller.lifecycle import observation
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import Facts, KeyProblem, Memory
from gemini_operator.controller.remote.api_keys import ApiKeys
from gemini_operator.controller.remote.secret_reads import AT_A_TIME, each, in_turns
from gemini_operator.controller.remote.sweep import Sweeper
from gemini_operator.controller.store import Store
from gemini_operator.gemini.api_key import fingerprint
from gemini_operator.gemini.errors import CredentialsRejected, Unavailable
from gemini_operator.gemini.remote import Listing
from gemini_operator.kube.errors import ApiServerUnavailable, ObjectNotFound
from tests.unit.controller.builders import (
    BATCH,
    RULES,
    UID,
    a_batch,
    a_condition,
    a_job,
    an_attempt,
    finished,
    submitted,
    unnamed,
)
from tests.unit.controller.clocks import ManualClock

MINUTE = 60.0
FIRST, SECOND, OTHER, BAD = "first-key", "second-key", "other-projects-key", "bad-key"


class ApiServer:
    """Serves Secrets: a key by name, the first one unless told otherwise; `None` is for missing."""

    def __init__(self) -> None:
        self.keys: dict[str, str | None] = {}
        self.errors: dict[str, Exception] = {}
        self.read: list[str] = []

    async def get(self, *path: str) -> dict[str, Any]:
        name = path[-1]
        self.read.append(name)
        if name in self.errors:
            raise self.errors[name]
        key = self.keys.get(name, FIRST)
        if key is None:
            raise ObjectNotFound(404, "NotFound", f"there is no Secret {name}")
        return {"data": {"api-key": base64.b64encode(key.encode()).decode()}}


class Google:
    """Shows the jobs' batch to two keys of one project, and none to another project's."""

    def __init__(self) -> None:
        self.listed: list[str] = []
        self.down = False

    def for_key(self, key: SecretStr) -> Any:
        value = key.get_secret_value()

        async def search() -> Listing:
            self.listed.append(value)
            if self.down:
                raise Unavailable("503")
            if value == BAD:
                raise CredentialsRejected("API key not valid")
            return Listing(() if value == OTHER else (a_batch(),), complete=True)

        return SimpleNamespace(key_id=value, batches=SimpleNamespace(search=search))


class Parts:
    """A sweeper with the real cache of API keys; `woken` are the reconciles that it causes."""

    def __init__(self) -> None:
        self.clock, self.store, self.memory = ManualClock(), Store(), Memory()
        self.api_server, self.google = ApiServer(), Google()
        self.woken: list[Key] = []
        self.restart()

    def restart(self) -> None:
        self.memory = Memory()
        self.api_keys = ApiKeys(
            cast(Any, self.api_server), cast(Any, self.google), self.clock, MINUTE
        )
        self.sweeper = Sweeper(
            self.api_keys,
            self.store,
            self.memory,
            self.clock,
            wake=self.woken.append,
            interval=900.0,
        )

    def add(
        self,
        name: str = "job",
        secret: str = "key",
        status: dict[str, Any] | None = None,
        **of_job: Any,
    ) -> Job:
        """A job whose batch was created with the first key."""
        recorded = fingerprint(SecretStr(FIRST), UID)
        known = submitted() if status is None else status
        if "attempt" in known:
            known = {**known, "attempt": {**known["attempt"], "apiKeyFingerprint": recorded}}
        spec = {"apiKeySecretRef": {"name": secret, "key": "api-key"}, **of_job.pop("spec", {})}
        job = a_job(name=name, spec=spec, status=known, **of_job)
        self.store.put(job)
        return job

    def facts(self, job: Job) -> Facts:
        return self.memory.of(job)

    async def finish(self) -> None:
        while running := tuple(self.sweeper._running.values()):
            await asyncio.gather(*running)

    async def sweep(self) -> None:
        await self.sweeper.sweep()
        await self.finish()
        self.forget()

    def forget(self) -> None:
        self.woken.clear()
        self.google.listed.clear()
        self.api_server.read.clear()

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            # The shortest time between two looks.
            self.clock.advance(0.9 * MINUTE)
            await self.sweeper.look()
            await self.finish()


async def swept(**of_job: Any) -> tuple[Parts, Job]:
    """A job that waits for its batch, after the first sweep."""
    parts = Parts()
    job = parts.add(**of_job)
    await parts.sweep()
    return parts, job


async def test_each_secret_is_read_once_a_minute_however_many_jobs_use_it() -> None:
    parts = Parts()
    for number in range(20):
        parts.add(f"job-{number}")
    parts.add("other", secret="another")
    await parts.sweep()
    await parts.look(5)
    assert sorted(parts.api_server.read) == ["another"] * 5 + ["key"] * 5


async def test_a_job_that_waits_costs_no_reconcile_and_no_list_while_its_secret_stays() -> None:
    parts, _ = await swept()
    await parts.look(10)
    assert (parts.woken, parts.google.listed) == ([], [])


async def test_a_secret_without_open_jobs_is_not_read() -> None:
    parts = Parts()
    parts.add("done", status=finished())
    parts.add("new", status={"state": "Queued"})
    await parts.look(2)
    assert parts.api_server.read == []


async def test_a_job_whose_secret_is_gone_is_told_once() -> None:
    parts, job = await swept()
    parts.api_server.keys["key"] = None
    await parts.look(3)
    assert parts.woken == [job.key]
    problem = parts.facts(job).key_problem
    assert problem is not None
    assert problem.reason == Reason.CREDENTIALS_MISSING
    assert "Secret key, key api-key" in problem.message


@pytest.mark.parametrize(
    "of_job",
    [
        pytest.param({"deleting": True}, id="its deletion goes on with the last good key"),
        pytest.param(
            {"status": finished(supersededAttempts=[an_attempt("00000000000000a0")])}, id="finished"
        ),
    ],
)
async def test_p22_a_job_that_does_not_wait_is_told_nothing(of_job: dict[str, Any]) -> None:
    parts, job = await swept(**of_job)
    parts.api_server.keys["key"] = None
    await parts.look()
    assert parts.api_server.read
    assert parts.facts(job).key_problem is None
    assert parts.woken == []


async def test_a_secret_that_is_gone_at_the_sweep_is_told_too() -> None:
    parts = Parts()
    job = parts.add()
    parts.api_server.keys["key"] = None
    await parts.sweeper.sweep()
    assert parts.woken == [job.key]
    assert parts.facts(job).key_problem is not None


async def test_why_an_earlier_list_failed_does_not_matter_without_a_key() -> None:
    """Both would be said in turn."""
    parts, job = await swept(status=unnamed())
    parts.facts(job).unlisted = Unavailable("503")
    parts.api_server.keys["key"] = None
    await parts.look()
    assert parts.facts(job).unlisted is None


@pytest.mark.parametrize("key", [FIRST, SECOND])
async def test_a_secret_that_is_back_has_its_batches_listed(key: str) -> None:
    parts, job = await swept()
    parts.api_server.keys["key"] = None
    await parts.look()
    parts.api_server.keys["key"] = key
    await parts.look()
    assert parts.google.listed == [key]
    assert parts.facts(job).key_problem is None
    await parts.look()
    assert parts.google.listed == [key]


async def test_a_job_that_still_says_that_its_secret_is_gone_is_listed_until_it_does_not() -> None:
    """The condition may be younger than the list that should have ended it."""
    said = a_condition("Stalled", "True", "CredentialsMissing")
    parts, job = await swept(status=submitted(conditions=[said]))
    await parts.look(2)
    assert parts.google.listed == [FIRST, FIRST]
    assert parts.woken == [job.key] * 2


async def test_another_key_of_the_project_is_listed_with_once_and_nobody_is_woken() -> None:
    parts, job = await swept()
    parts.api_server.keys["key"] = SECOND
    await parts.look(5)
    assert parts.google.listed == [SECOND]
    assert parts.woken == []
    assert parts.facts(job).missed_lists == 0


async def test_a_key_that_google_refuses_is_found_within_the_minute_and_is_not_tried_again() -> (
    None
):
    parts, job = await swept()
    parts.api_server.keys["key"] = BAD
    await parts.look(5)
    assert parts.google.listed == [BAD]
    assert parts.facts(job).refused == "API key not valid"
    assert parts.woken == [job.key]


async def test_s11_a_batch_that_another_projects_key_does_not_list_is_read_at_once() -> None:
    parts, job = await swept()
    assert observation.wanted(snapshot(parts, job)) is None
    parts.api_server.keys["key"] = OTHER
    await parts.look()
    assert parts.woken == [job.key]
    assert observation.wanted(snapshot(parts, job)) == BATCH
    # The key is back.
    parts.api_server.keys["key"] = FIRST
    await parts.look()
    assert parts.google.listed == [OTHER, FIRST]
    assert observation.wanted(snapshot(parts, job)) is None


def snapshot(parts: Parts, job: Job) -> Snapshot:
    return Snapshot(job, parts.facts(job), parts.clock.now(), parts.clock.monotonic(), RULES)


async def test_a_key_that_changed_before_the_first_look_at_the_job_is_found() -> None:
    parts = Parts()
    parts.api_server.keys["key"] = SECOND
    parts.add()
    await parts.look(3)
    assert parts.google.listed == [SECOND]


async def test_a_list_with_another_key_that_google_does_not_answer_is_made_again() -> None:
    parts, job = await swept()
    parts.api_server.keys["key"], parts.google.down = OTHER, True
    await parts.look()
    parts.google.down = False
    await parts.look(2)
    assert parts.google.listed == [OTHER, OTHER]
    assert parts.facts(job).missed_lists == 1


async def test_a_restart_lists_once() -> None:
    parts, _ = await swept()
    parts.api_server.keys["key"] = SECOND
    parts.restart()
    await parts.sweeper.sweep()
    await parts.finish()
    await parts.look(2)
    assert parts.google.listed == [SECOND]


@pytest.mark.parametrize(
    "error", [ApiServerUnavailable(503, "ServiceUnavailable", "try again"), RuntimeError("bug")]
)
async def test_a_secret_that_cannot_be_read_says_nothing_and_stops_nothing(
    error: Exception,
) -> None:
    parts = Parts()
    job, other = parts.add(), parts.add("other", secret="another")
    await parts.sweep()
    parts.api_server.errors["key"] = error
    parts.api_server.keys["another"] = None
    await parts.look()
    assert parts.woken == [other.key]
    assert parts.facts(job).key_problem is None


async def test_a_read_that_reached_google_shows_that_the_key_is_there() -> None:
    facts = Facts(UID, key_problem=KeyProblem(Reason.CREDENTIALS_MISSING, "gone"))
    facts.note_key_found()
    assert facts.key_problem is None
    facts.key_problem = KeyProblem(Reason.CREDENTIALS_REJECTED, "not valid")
    facts.note_key_found()
    assert facts.refused == "not valid"


# Many Secrets


def refs(namespace: str, count: int) -> list[KeyRef]:
    return [KeyRef(namespace, f"key-{number}", "api-key") for number in range(count)]


def test_s10_a_namespace_with_a_thousand_secrets_delays_no_other() -> None:
    order = in_turns([*refs("team-a", 1000), *refs("team-b", 2)])
    assert [order.index(ref) for ref in refs("team-b", 2)] == [1, 3]
    assert sorted(order) == sorted([*refs("team-a", 1000), *refs("team-b", 2)])


async def test_s10_a_few_secrets_are_read_at_a_time() -> None:
    at_a_time, most, done = 0, 0, 0

    async def read(_: KeyRef) -> None:
        nonlocal at_a_time, most, done
        at_a_time += 1
        most = max(most, at_a_time)
        await asyncio.sleep(0)
        at_a_time, done = at_a_time - 1, done + 1

    await each(refs("team-a", 100), read)
    assert (most, done) == (AT_A_TIME, 100)
