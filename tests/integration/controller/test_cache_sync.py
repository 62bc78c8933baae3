"""What there is, by our own list of a real API server (rule P5)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gemini_operator.controller.job import JobReader, Key
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.cache_sync import CacheSync
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from local.control_plane import ControlPlane
from tests.operator_process import inline_job
from tests.unit.controller.clocks import ManualClock
from tests.waiting import eventually_async


class Parts:
    """A list and a store that is filled by hand, as if by the watch."""

    def __init__(self, client: KubeClient, control_plane: ControlPlane, namespace: str) -> None:
        clock = ManualClock()
        self.store = Store()
        queue = KeyedQueue(clock)
        self.event_handler = EventHandler(
            self.store, queue, Memory(), ReadBudget(clock, queue, per_key=10), JobReader()
        )
        self.cache_sync = CacheSync(BatchJobs(client), self.store, [namespace], self.event_handler)
        self._api = control_plane.api
        self._path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
        self._namespace = namespace

    def create(self, name: str, *, watched: bool = True) -> Key:
        body = self._api.request("POST", self._path, inline_job(name))
        if watched:
            self.event_handler.on_event("ADDED", body)
        return Key(self._namespace, name)

    def delete(self, name: str) -> None:
        """Without telling: the watch has missed it."""
        self._api.request("DELETE", f"{self._path}/{name}")


@pytest.fixture
async def parts(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Parts]:
    client = KubeClient(await connection.load(str(control_plane.kubeconfig)))
    yield Parts(client, control_plane, namespace)
    await client.close()


async def test_p05_the_start_waits_until_every_listed_object_was_seen(parts: Parts) -> None:
    await parts.cache_sync.wait_for_kind()
    parts.create("one")
    late = parts.create("two", watched=False)
    waiting = asyncio.create_task(parts.cache_sync.wait())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    assert not parts.cache_sync.synced
    body = parts._api.request("GET", f"{parts._path}/{late.name}")
    parts.event_handler.on_event(None, body)
    await asyncio.wait_for(waiting, 10)
    assert parts.cache_sync.synced


async def test_p05_an_object_that_was_seen_may_go_while_others_are_waited_for(parts: Parts) -> None:
    """It is gone, so it would be waited for in vain until the next list."""
    goes, late = parts.create("goes"), parts.create("late", watched=False)
    body = parts._api.request("GET", f"{parts._path}/{goes.name}")
    waiting = asyncio.create_task(parts.cache_sync.wait())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.5)
    parts.delete("goes")
    parts.event_handler.on_event("DELETED", body)
    parts.event_handler.on_event(None, parts._api.request("GET", f"{parts._path}/{late.name}"))
    await asyncio.wait_for(waiting, 5)
    assert parts.cache_sync.synced


async def test_p05_an_empty_cluster_is_seen_at_once(parts: Parts) -> None:
    await asyncio.wait_for(parts.cache_sync.wait(), 10)
    assert parts.cache_sync.synced


async def test_p05_what_is_gone_leaves_and_what_was_missed_is_fetched(parts: Parts) -> None:
    """A deletion after an expired watch is never told."""
    stays, goes = parts.create("stays"), parts.create("goes")
    missed = parts.create("missed", watched=False)
    parts.delete("goes")

    async def refreshed() -> bool:
        await parts.cache_sync.resync()
        return parts.store.get(goes) is None

    await eventually_async(refreshed, timeout=30, what="the list without the deleted one")
    assert parts.store.get(stays) is not None
    assert parts.store.get(missed) is not None


async def test_p05_what_was_not_told_yet_is_fetched_too(parts: Parts) -> None:
    """Whoever takes over must know the last leader's last write."""
    key = parts.create("changed")
    body = parts._api.request("GET", f"{parts._path}/changed")
    body["metadata"]["labels"] = {"changed": "yes"}
    version = int(
        parts._api.request("PUT", f"{parts._path}/changed", body)["metadata"]["resourceVersion"]
    )
    await parts.cache_sync.resync()
    known = parts.store.get(key)
    assert known is not None
    assert known.version == version
