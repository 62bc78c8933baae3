"""The watch on a real API server: a list of several pages, and what happens after it."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gemini_operator.controller.watch.watch import Watch, settings
from gemini_operator.kube import connection
from local.control_plane import ControlPlane
from tests.operator_process import inline_job
from tests.waiting import eventually_async

COUNT = 2 * (settings().watching.chunk_size or 0) + 50


class Seen:
    """What a watch has delivered: type and name, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str | None, str]] = []
        self.bad = ""

    def on_event(self, kind: str | None, body: Mapping[str, Any]) -> None:
        name = body["metadata"]["name"]
        self.events.append((kind, name))
        if name == self.bad:
            raise RuntimeError("this object cannot be handled")

    def listed(self) -> Counter[str]:
        return Counter(name for kind, name in self.events if kind is None)


@pytest.fixture
def path(control_plane: ControlPlane, namespace: str) -> str:
    """Of the jobs, of which there are a few pages."""
    path = f"/apis/gemini-operator.io/v1alpha1/namespaces/{namespace}/geminibatchjobs"
    with ThreadPoolExecutor(8) as pool:
        bodies = (inline_job(f"job-{number}") for number in range(COUNT))
        list(pool.map(lambda body: control_plane.api.request("POST", path, body), bodies))
    return path


@pytest.fixture
async def seen(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Seen]:
    seen = Seen()
    seen.bad = "job-1"
    cluster = await connection.load(str(control_plane.kubeconfig))
    watch = Watch(cluster, [namespace], seen.on_event, lambda: None)
    watch.start()
    yield seen
    await watch.stop()


async def test_every_page_of_the_list_is_delivered_once_then_the_events(
    path: str, seen: Seen, control_plane: ControlPlane
) -> None:
    await eventually_async(lambda: len(seen.listed()) == COUNT, what="the whole list")
    assert set(seen.listed().values()) == {1}, "and one that fails keeps no other one away"
    listed = len(seen.events)
    label = {"metadata": {"labels": {"changed": "yes"}}}
    control_plane.api.request("PATCH", f"{path}/job-0", label, "application/merge-patch+json")
    control_plane.api.request("DELETE", f"{path}/job-2")
    events = [("MODIFIED", "job-0"), ("DELETED", "job-2")]
    await eventually_async(
        lambda: sorted(seen.events[listed:]) == sorted(events), what="the events after the list"
    )
