"""So many open batches for each API key, whatever the passes, crashes and keys (rule P23)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.control_plane import ControlPlane
from tests.emulator_process import API_KEY, OTHER_PROJECT_KEY
from tests.integration.controller.conftest import SLOW, queued
from tests.operator_process import Operator, inline_job
from tests.waiting import eventually

LIMIT = 2
LIMITED = ("--max-open-batches-per-key", str(LIMIT))
PATIENT = ("--create-timeout", "90", "--submit-grace", "180")
"""For creates that are held while a busy machine queues the others."""
OPEN_STATES = ("BATCH_STATE_PENDING", "BATCH_STATE_RUNNING")
OVERLOADED = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded."}
RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "8s"}


class Tenants:
    """One operator for two namespaces whose Secrets hold the same key; batches end by our word."""

    def __init__(self, operator: Operator, other: str) -> None:
        self.first, self.second = operator, operator.elsewhere(other)
        self.emulator = operator.emulator
        self._watched = ("--namespaces", f"{operator.namespace},{other}")
        self.ended: list[str] = []

    def start(self, *arguments: str) -> None:
        self.first.start_receiver()
        for tenant in (self.first, self.second):
            tenant.put_key(API_KEY)
        self.restart(*arguments)

    def restart(self, *arguments: str) -> None:
        self.first.start_controller(*self._watched, *(arguments or LIMITED))

    def sent(self) -> list[str]:
        """The jobs whose batches Google has or had, in the order of their creation."""
        return [self._job(batch) for batch in self.first.batches()]

    def open(self) -> list[str]:
        return [self._job(b) for b in self.first.batches() if b["state"] in OPEN_STATES]

    def wait_sent(self, *jobs: str) -> None:
        """Until exactly these batches were created, in this order, never too many open at once."""

        def all_sent() -> bool:
            assert len(self.open()) <= LIMIT
            return self.sent() == list(jobs)

        eventually(all_sent, timeout=30, what=f"the batches of {', '.join(jobs)}")

    def wait_queued(self, tenant: Operator, *names: str) -> None:
        for name in names:
            eventually(lambda n=name: queued(tenant, n), what=f"{name} to be queued")  # type: ignore[misc]

    def end(self, job: str) -> None:
        """At Google; the callback and all that follows is the operator's."""
        [batch] = [b for b in self.first.batches() if self._job(b) == job]
        self.emulator.job(batch["name"], "succeed")
        self.ended.append(job)

    def _job(self, batch: Mapping[str, Any]) -> str:
        namespace, _, name = str(batch["displayName"]).split(" ")[0].partition("/")
        return f"{'first' if namespace == self.first.namespace else 'second'}/{name}"


@pytest.fixture
def tenants(cluster_operator: Operator, second_namespace: str) -> Tenants:
    return Tenants(cluster_operator, second_namespace)


@SLOW
@pytest.mark.parametrize(
    "killed",
    [pytest.param(False, marks=pytest.mark.exhaustive), True],
    ids=["one life", "killed between"],
)
def test_p23_two_places_for_six_jobs_of_two_namespaces(tenants: Tenants, killed: bool) -> None:
    """Fair between the namespaces, oldest first inside, and no restart changes the order."""
    tenants.start(*LIMITED)
    for name in ("1", "2", "3", "4"):
        tenants.first.apply(inline_job(name))
    tenants.wait_sent("first/1", "first/2")
    for name in ("5", "6"):
        tenants.second.apply(inline_job(name))
    tenants.wait_queued(tenants.first, "3", "4")
    tenants.wait_queued(tenants.second, "5", "6")

    order = ["first/1", "first/2", "second/5", "first/3", "second/6", "first/4"]
    for place, job in enumerate(order):
        if killed:
            tenants.first.controller.kill()
        tenants.end(job)
        if killed:
            tenants.restart()
        tenants.wait_sent(*order[: place + LIMIT + 1])
    for job in order:
        whose = tenants.first if job.startswith("first/") else tenants.second
        whose.wait_complete(job.partition("/")[2])
    assert tenants.emulator.requests("batches.create") == len(order)


@SLOW
def test_p23_passes_that_run_at_the_same_time_take_no_place_twice(operator: Operator) -> None:
    operator.start(*LIMITED, *PATIENT)
    operator.emulator.fault("batches.create", "hold", when="before", count=LIMIT)
    names = [f"job-{n}" for n in range(12)]
    operator.apply(*(inline_job(name) for name in names))
    operator.emulator.wait(lambda state: len(state["held"]) == LIMIT)
    eventually(
        lambda: sum(queued(operator, name) for name in names) == len(names) - LIMIT, timeout=60
    )
    assert operator.emulator.requests("batches.create") == LIMIT
    operator.emulator.release()
    eventually(lambda: len(operator.batches()) == LIMIT, timeout=30)
    for done in range(len(names)):
        [first, *_] = [b for b in operator.batches() if b["state"] in OPEN_STATES]
        operator.emulator.job(first["name"], "succeed")
        expected = min(done + 1 + LIMIT, len(names))
        eventually(lambda n=expected: len(operator.batches()) == n, timeout=30)  # type: ignore[misc]
        assert operator.emulator.requests("batches.create") == expected


@SLOW
def test_p23_a_create_that_was_killed_holds_its_place_until_it_is_settled(
    operator: Operator,
) -> None:
    operator.start("--max-open-batches-per-key", "1")
    operator.emulator.fault("batches.create", "hold", when="after")
    operator.apply(inline_job("older"))
    operator.emulator.wait_for_held("batches.create")
    operator.apply(inline_job("younger"))
    eventually(lambda: queued(operator, "younger"))
    operator.controller.kill()
    operator.emulator.release(answer=False)
    operator.start_controller("--max-open-batches-per-key", "1")
    operator.wait_condition("older", "Submitted", timeout=60)
    assert operator.emulator.requests("batches.create") == 1
    assert queued(operator, "younger")
    operator.emulator.job(operator.status("older")["batchName"], "succeed")
    operator.wait_condition("younger", "Submitted")


@SLOW
def test_p23_after_a_restart_a_younger_job_does_not_overtake_one_whose_pass_comes_later(
    operator: Operator,
) -> None:
    """The API server lists by name, so the younger one is seen first."""
    operator.start("--max-open-batches-per-key", "1")
    operator.apply(inline_job("open"))
    operator.wait_condition("open", "Submitted")
    operator.apply(inline_job("z-older"))
    eventually(lambda: queued(operator, "z-older"))
    age = datetime.fromisoformat(operator.get("z-older")["metadata"]["creationTimestamp"])
    eventually(lambda: datetime.now(UTC) - age > timedelta(seconds=1))
    operator.apply(inline_job("a-younger"))
    eventually(lambda: queued(operator, "a-younger"))
    operator.controller.kill()
    operator.start_controller("--max-open-batches-per-key", "2")
    operator.wait_condition("z-older", "Submitted")
    assert [batch["displayName"].partition("/")[2][:6] for batch in operator.batches()] == [
        "open [",
        "z-olde",
    ]
    assert queued(operator, "a-younger")


@SLOW
def test_p23_a_deleted_job_makes_room(operator: Operator) -> None:
    operator.start("--max-open-batches-per-key", "1")
    operator.apply(inline_job("older"))
    operator.wait_condition("older", "Submitted")
    for name in ("waiting", "younger"):
        operator.apply(inline_job(name))
        eventually(lambda n=name: queued(operator, n))  # type: ignore[misc]
    operator.kubectl("delete", "gbj", "waiting")
    operator.kubectl("delete", "gbj", "older")
    operator.wait_condition("younger", "Submitted")


@SLOW
def test_p23_a_secret_with_another_key_does_not_wait_for_the_first(operator: Operator) -> None:
    operator.start("--max-open-batches-per-key", "1")
    operator.put_key(OTHER_PROJECT_KEY, name="other")
    operator.put_key(API_KEY, name="same")
    operator.apply(inline_job("open"))
    operator.wait_condition("open", "Submitted")
    operator.apply(inline_job("same", apiKeySecretRef={"name": "same", "key": "api-key"}))
    operator.apply(inline_job("other", apiKeySecretRef={"name": "other", "key": "api-key"}))
    operator.wait_condition("other", "Submitted")
    eventually(lambda: queued(operator, "same"), what="the same key in another Secret to wait")


@SLOW
def test_p23_a_rotated_secret_takes_those_that_wait_along(operator: Operator) -> None:
    """Nobody asks for them: the comparison with a list, now and then, notices."""
    operator.start("--max-open-batches-per-key", "1", "--relist-interval", "1")
    operator.put_key(API_KEY, name="rotated")
    operator.apply(inline_job("open"))
    operator.wait_condition("open", "Submitted")
    operator.apply(inline_job("waiting", apiKeySecretRef={"name": "rotated", "key": "api-key"}))
    eventually(lambda: queued(operator, "waiting"))
    operator.put_key(OTHER_PROJECT_KEY, name="rotated")
    operator.wait_condition("waiting", "Submitted")


@SLOW
def test_p23_waiting_costs_nothing(operator: Operator, control_plane: ControlPlane) -> None:
    """Sweeps of the one open batch show that time passes; nothing else is asked of anybody."""
    operator.start("--max-open-batches-per-key", "1", "--sweep-interval", "0.5")
    operator.apply(inline_job("open"))
    operator.wait_condition("open", "Submitted")
    names = [f"waiting-{n}" for n in range(8)]
    operator.apply(*(inline_job(name) for name in names))
    for name in names:
        eventually(lambda n=name: queued(operator, n))  # type: ignore[misc]
    eventually(lambda: gauge(operator, "gemini_operator_jobs_queued") == len(names))
    assert gauge(operator, "gemini_operator_open_batches") == 1
    asked, at_google = about(control_plane, operator, names), operator.emulator.state()["requests"]
    passes, swept = gauge(operator, PASSES), at_google.get("batches.list", 0)

    eventually(lambda: operator.emulator.requests("batches.list") >= swept + 6, timeout=30)

    assert about(control_plane, operator, names) == asked
    now = operator.emulator.state()["requests"]
    assert {**now, "batches.list": swept} == {**at_google, "batches.list": swept}
    # Each listing wakes the open job, and nobody else.
    assert gauge(operator, PASSES) - passes <= now["batches.list"] - swept + 1


def test_p23_queued_is_written_once(operator: Operator, control_plane: ControlPlane) -> None:
    """However often somebody touches the object while it waits."""
    operator.emulator.fault("batches.create", "hold", when="before")
    operator.start("--max-open-batches-per-key", "1")
    operator.apply(inline_job("open"))
    operator.emulator.wait_for_held("batches.create")
    operator.apply(inline_job("waiting"))
    eventually(lambda: queued(operator, "waiting"))
    version = operator.get("waiting")["status"]
    passes = gauge(operator, PASSES)
    for n in range(3):
        operator.kubectl("annotate", "gbj", "waiting", f"example.com/touched-{n}=yes")
        eventually(lambda n=n: gauge(operator, PASSES) > passes + n)  # type: ignore[misc]
    assert operator.get("waiting")["status"] == version
    operator.emulator.release()
    operator.wait_complete("waiting")
    operator.controller.stop()
    writes = [verb for verb, part in about(control_plane, operator, ["waiting"]) if part]
    # Queued, write-ahead, name, event, outcome.
    assert writes == ["patch"] * 5


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["Retry-After", "RetryInfo"])
def test_p10_a_429_holds_up_its_key_and_model_for_as_long_as_google_says(
    operator: Operator, how: str
) -> None:
    operator.start()
    error = {**OVERLOADED, "details": [RETRY_INFO]} if how == "RetryInfo" else OVERLOADED
    headers = {"Retry-After": "8"} if how == "Retry-After" else {}
    operator.emulator.fault(
        "batches.create", "status", status=429, body={"error": error}, headers=headers, count=1
    )
    operator.apply(inline_job("throttled"))
    eventually(lambda: queued(operator, "throttled", "QuotaExceeded"))
    operator.apply(inline_job("same-model"))
    eventually(lambda: queued(operator, "same-model", "QuotaExceeded"))
    operator.apply(inline_job("other-model", model="gemini-2.5-pro"))
    operator.wait_complete("other-model")
    assert operator.emulator.requests("batches.create") == 2
    assert queued(operator, "throttled", "QuotaExceeded")
    assert queued(operator, "same-model", "QuotaExceeded")
    for name in ("throttled", "same-model"):
        operator.wait_complete(name)
    assert operator.emulator.requests("batches.create") == 4


PASSES = "gemini_operator_reconcile_total"


def gauge(operator: Operator, metric: str) -> float:
    """The sum over a metric's labels."""
    found = re.findall(rf"^{metric}(?:{{.*}})? (\S+)$", operator.controller.metrics(), re.MULTILINE)
    return sum(map(float, found))


def about(control_plane: ControlPlane, operator: Operator, names: list[str]) -> list[Any]:
    """What the operator asked the API server about these jobs, watches and lists aside."""
    return [
        (event["verb"], event["objectRef"].get("subresource"))
        for event in control_plane.audit_events()
        if event.get("objectRef", {}).get("resource") == "geminibatchjobs"
        and event["objectRef"].get("namespace") == operator.namespace
        and event["objectRef"].get("name") in names
        and event["stage"] == "ResponseComplete"
        and event["user"]["username"].startswith("system:serviceaccount")
    ]
