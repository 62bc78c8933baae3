"""The settings that keep kopf a watch engine (rules P3, P4)."""

from typing import Any

import kopf

from gemini_operator.api import group
from gemini_operator.controller.watch import watch
from gemini_operator.kube.connection import ClusterConnection


def test_p03_kopf_knows_no_name_of_ours() -> None:
    settings = watch.settings()
    assert settings.persistence.finalizer != group.FINALIZER
    assert settings.scanning.disabled
    assert settings.peering.standalone
    assert not settings.posting.enabled


def test_a_lost_watch_is_tried_again_for_ever_at_most_every_30_seconds() -> None:
    delays = iter(watch.Backoffs())
    seen = [next(delays) for _ in range(50)]
    assert all(0 < delay <= 30 for delay in seen)
    assert min(seen[10:]) >= 15


def test_kopf_copies_no_object_to_compare_it_with_an_older_one() -> None:
    storage = watch.settings().persistence.diffbase_storage
    own = f"{watch.UNUSED}/last-handled-configuration"
    body = kopf.Body({"metadata": {"annotations": {own: "no json"}}, "spec": {"model": "a"}})
    assert storage.build(body=body) == {}
    assert storage.fetch(body=body) is None


async def test_a_stopped_watch_delivers_nothing_that_is_on_its_way() -> None:
    async def headers() -> dict[str, str]:
        return {}

    cluster = ClusterConnection("http://127.0.0.1:9", ssl=False, namespace="", headers=headers)
    seen: list[Any] = []
    stopped = watch.Watch(cluster, [], lambda *event: seen.append(event), lambda: None)
    await stopped._take([{"number": 1}])
    await stopped.stop()
    await stopped._take([{"number": 2}])
    assert seen == [(None, {"number": 1})]
