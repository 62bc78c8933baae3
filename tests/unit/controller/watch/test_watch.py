"""The settings that keep kopf a watch engine (rules P3, P4)."""

import asyncio
from typing import Any

import kopf
from aiohttp import web

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


async def test_an_answer_that_does_not_come_whole_interrupts_the_watch() -> None:
    """While kopf asks what is served it does not try again, and the process would end."""

    async def cut_off(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b'{"kind": ')
        assert request.transport is not None
        request.transport.close()
        return answer

    async def headers() -> dict[str, str]:
        return {}

    runner = web.ServerRunner(web.Server(cut_off))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = f"http://127.0.0.1:{site.port}"
    cluster = ClusterConnection(server, ssl=False, namespace="", headers=headers)
    ended = asyncio.Event()
    begun = watch.Watch(cluster, ["team-a"], lambda *_: None, ended.set)
    begun.start()
    try:
        await asyncio.wait_for(ended.wait(), 30)
        assert begun.interrupted
        assert not begun.kind_gone
    finally:
        await begun.stop()
        await runner.cleanup()


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
