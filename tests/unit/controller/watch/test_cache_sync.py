import socket
from collections.abc import AsyncIterator

import pytest

from gemini_operator.controller.job import JobReader, Key
from gemini_operator.controller.memory import Memory
from gemini_operator.controller.remote.read_budget import ReadBudget
from gemini_operator.controller.store import Store
from gemini_operator.controller.watch.cache_sync import CacheSync
from gemini_operator.controller.watch.event_handler import EventHandler
from gemini_operator.controller.workqueue import KeyedQueue
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.connection import ClusterConnection
from tests.unit.controller.clocks import ManualClock


@pytest.fixture
async def nobody() -> AsyncIterator[KubeClient]:
    """A client of an API server that is not there."""

    async def headers() -> dict[str, str]:
        return {}

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = KubeClient(ClusterConnection(url, ssl=False, namespace="default", headers=headers))
        yield client
        await client.close()


async def test_p05_an_object_that_cannot_be_fetched_does_not_end_the_controller(
    nobody: KubeClient,
) -> None:
    store, clock = Store(), ManualClock()
    queue = KeyedQueue(clock)
    event_handler = EventHandler(
        store, queue, Memory(), ReadBudget(clock, queue, per_key=10), JobReader()
    )
    await CacheSync(BatchJobs(nobody), store, None, event_handler)._fetch(Key("team-a", "job"))
    assert len(store) == 0
