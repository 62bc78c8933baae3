"""Lists as kopf reads them."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gemini_operator.controller.watch.lists import Item, response_class

ITEMS = [{"metadata": {"name": "one"}}, {"metadata": {"name": "two"}}]
LIST: dict[str, Any] = {
    "kind": "GeminiBatchJobList",
    "metadata": {"resourceVersion": "7", "continue": "more"},
    "items": ITEMS,
}


class Taker:
    """Takes pages, once it may."""

    def __init__(self) -> None:
        self.taken: list[Item] = []
        self.may = asyncio.Event()
        self.may.set()

    async def take(self, items: Sequence[Item]) -> None:
        await self.may.wait()
        self.taken += items


async def read(document: object, taker: Taker, status: int = 200) -> Any:
    """What kopf reads if the API server answers this."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(document), status=status)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with (
            aiohttp.ClientSession(response_class=response_class(taker.take)) as session,
            session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as answer,
        ):
            return await answer.json()
    finally:
        await runner.cleanup()


async def test_kopf_gets_the_version_of_a_list_and_no_object() -> None:
    taker = Taker()
    answer = await read(LIST, taker)
    assert answer == {"kind": "GeminiBatchJobList", "metadata": LIST["metadata"]}
    assert taker.taken == ITEMS


async def test_the_next_page_is_not_asked_for_before_this_one_was_taken() -> None:
    """Otherwise all objects would be in memory at once, as the API server sent them."""
    taker = Taker()
    taker.may.clear()
    reading = asyncio.create_task(read(LIST, taker))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reading), 0.3)
    taker.may.set()
    await asyncio.wait_for(reading, 10)
    assert taker.taken == ITEMS


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"kind": "APIResourceList", "resources": [], "items": ITEMS}, 200),
        ({"kind": "Status", "code": 410}, 410),
    ],
)
async def test_other_answers_stay_as_they_are(document: dict[str, Any], status: int) -> None:
    taker = Taker()
    assert await read(document, taker, status) == document
    assert taker.taken == []


@pytest.mark.parametrize("document", [LIST | {"items": []}, LIST | {"items": None}])
async def test_an_empty_list_has_nothing_to_take(document: dict[str, Any]) -> None:
    taker = Taker()
    assert (await read(document, taker))["metadata"] == LIST["metadata"]
    assert taker.taken == []
