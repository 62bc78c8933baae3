"""The writer on the real API server, by a way on which answers get lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job, JobReader, from_object
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import Facts
from gemini_operator.controller.reconcile.write_errors import Stale
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.store import Store
from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from local.control_plane import ControlPlane
from tests.forwarder import Forwarder
from tests.operator_process import inline_job
from tests.unit.controller.builders import RULES
from tests.unit.controller.clocks import ManualClock
from tests.waiting import eventually_async

ATTEMPT = "00112233445566ff"
NAMED = {"attempt/batchName": "batches/1", "batchName": "batches/1"}


@pytest.fixture
async def road(control_plane: ControlPlane) -> AsyncIterator[tuple[Forwarder, Writer]]:
    with Forwarder.to(control_plane.server) as forwarder:
        known = await connection.load(str(control_plane.kubeconfig))
        client = KubeClient(forwarder.instead_of(known), timeout=10.0)
        yield forwarder, Writer(BatchJobs(client), Store(), JobReader())
        await client.close()


@pytest.fixture
def stored(control_plane: ControlPlane, namespace: str) -> Callable[[], Any]:
    """The job as it is stored, written ahead and not named yet."""
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    body = control_plane.api.request("POST", path, inline_job("job"))
    attempt = {"id": ATTEMPT, "number": 1, "startTime": "2026-01-01T00:00:00Z"}
    status = {**body, "status": {"attempt": attempt}}
    control_plane.api.request("PUT", f"{path}/job/status", status)
    return lambda: control_plane.api.request("GET", f"{path}/job")


def job(stored: Callable[[], Any]) -> Job:
    return from_object(stored())


async def test_p14_a_name_whose_answer_was_lost_has_landed(
    road: tuple[Forwarder, Writer], stored: Callable[[], Any]
) -> None:
    forwarder, writer = road
    await writer.refresh(job(stored))  # the connection stands
    forwarder.block(answers_only=True)
    naming = asyncio.create_task(writer.name(job(stored), ATTEMPT, NAMED))
    await eventually_async(lambda: "batchName" in stored()["status"], what="the name")
    version = stored()["metadata"]["resourceVersion"]
    forwarder.interrupt()
    await naming
    assert stored()["metadata"]["resourceVersion"] == version


async def test_p14_a_job_that_has_another_batch_by_now_is_decided_anew(
    road: tuple[Forwarder, Writer], stored: Callable[[], Any]
) -> None:
    _, writer = road
    old = job(stored)
    await writer.name(old, ATTEMPT, NAMED)
    with pytest.raises(Stale):
        await writer.name(old, ATTEMPT, dict.fromkeys(NAMED, "batches/2"))
    assert stored()["status"]["batchName"] == "batches/1"


@pytest.mark.parametrize("known", [False, True], ids=["read first", "watched first"])
async def test_an_object_of_the_same_name_is_left_to_the_watch(
    known: bool, control_plane: ControlPlane, namespace: str, stored: Callable[[], Any]
) -> None:
    """The watch wakes its first reconcile; a store that has it already would keep it asleep."""
    old = job(stored)
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    control_plane.api.request("DELETE", f"{path}/job")
    control_plane.api.request("POST", path, inline_job("job"))
    acknowledged: list[int] = []
    store = Store(answered=lambda _, version: acknowledged.append(version))
    store.put(old)
    if known:
        store.put(job(stored))
    client = KubeClient(await connection.load(str(control_plane.kubeconfig)))
    with pytest.raises(Stale):
        await Writer(BatchJobs(client), store, JobReader()).refresh(old)
    await client.close()
    assert acknowledged == []
    if known:
        assert store.get(old.key) == job(stored)
    else:
        assert store.get(old.key) is None
        assert store.put(job(stored))


def snapshot(job: Job) -> Snapshot:
    clock = ManualClock()
    return Snapshot(job, Facts(job.uid), clock.now(), clock.monotonic(), RULES)


async def test_s22_a_stalled_job_says_so_beside_its_other_conditions(
    road: tuple[Forwarder, Writer], stored: Callable[[], Any]
) -> None:
    """Complete and Failed stay for good, whatever is written later (P24)."""
    _, writer = road
    known = snapshot(job(stored))
    ended = known.condition(known.status, "Complete", True, Reason.SUCCEEDED)
    written = await writer.status(known, ended)
    await writer.stall(snapshot(written), Reason.INTERNAL, "status.state: Too long")
    complete, stalled = stored()["status"]["conditions"]
    assert complete["type"] == "Complete"
    assert (stalled["type"], stalled["status"], stalled["reason"]) == (
        "Stalled",
        "True",
        "Internal",
    )
    assert "Too long" in stalled["message"]
    version = stored()["metadata"]["resourceVersion"]
    await writer.stall(snapshot(job(stored)), Reason.INTERNAL, "status.state: Too long")
    assert stored()["metadata"]["resourceVersion"] == version, "said once"
