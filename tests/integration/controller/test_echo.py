"""A job in back-off, and a watch that shows our own writes before their answers come."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gemini_operator.api.reasons import Reason
from gemini_operator.controller.job import Job, JobReader, Key
from gemini_operator.controller.lifecycle.snapshot import Snapshot
from gemini_operator.controller.memory import Facts, Memory
from gemini_operator.controller.reconcile.writer import Writer
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.watch.watch import Watch
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from local.control_plane import ControlPlane
from tests.operator_process import inline_job
from tests.unit.controller.builders import RULES
from tests.unit.controller.clocks import ManualClock
from tests.waiting import eventually_async


class SlowAnswers(BatchJobs):
    """Writes whose answer comes after the watch has shown them."""

    store: Store

    async def patch_status(
        self, namespace: str, name: str, body: object, *, merge: bool, metadata_only: bool = False
    ) -> dict[str, Any]:
        answer = await super().patch_status(
            namespace, name, body, merge=merge, metadata_only=metadata_only
        )
        version = int(answer["metadata"]["resourceVersion"])
        await eventually_async(
            lambda: known(self.store, Key(namespace, name)).version >= version,
            what="the watch to show the write",
        )
        return answer


class Parts:
    """A real watch, a writer, and the queue between them."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.clock = ManualClock()
        self.queue = KeyedQueue(self.clock)
        self.store = Store(answered=self.queue.acknowledge)
        reader = JobReader()
        reads = ReadBudget(self.clock, self.queue, per_key=10)
        handler = EventHandler(self.store, self.queue, Memory(), reads, reader)
        self.watch = Watch(client.connection, [namespace], handler.on_event, lambda: None)
        batch_jobs = SlowAnswers(client)
        batch_jobs.store = self.store
        self.writer = Writer(batch_jobs, self.store, reader)

    async def failing_reconcile(self) -> Key:
        """One that writes its problem and backs off."""
        key = await self.queue.get()
        assert key is not None
        job = known(self.store, key)
        snapshot = Snapshot(job, Facts(job.uid), self.clock.now(), self.clock.monotonic(), RULES)
        await self.writer.stall(snapshot, Reason.INTERNAL, f"Try {job.version}.")
        self.queue.back_off(key)
        self.queue.done(key)
        return key


def known(store: Store, key: Key) -> Job:
    job = store.get(key)
    assert job is not None
    return job


@pytest.fixture
async def parts(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Parts]:
    client = KubeClient(await connection.load(str(control_plane.kubeconfig)))
    parts = Parts(client, namespace)
    parts.watch.start()
    yield parts
    await parts.watch.stop()
    await client.close()


async def test_only_somebody_elses_change_wakes_a_job_in_back_off(
    parts: Parts, control_plane: ControlPlane, namespace: str
) -> None:
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    control_plane.api.request("POST", path, inline_job("job"))
    key = await parts.failing_reconcile()
    assert parts.queue.depth == 0, "the watch has shown the write, and it wakes nobody"

    change = {"metadata": {"annotations": {"gemini-operator.io/requested-at": "now"}}}
    control_plane.api.request("PATCH", f"{path}/job", change, "application/merge-patch+json")
    await eventually_async(lambda: parts.queue.depth == 1, what="the user's change to wake it")

    assert await parts.failing_reconcile() == key
    assert parts.queue.depth == 0
    parts.clock.advance(60.0)
    assert await parts.queue.get() == key
