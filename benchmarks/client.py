"""`python -m benchmarks.client`: CPU of a call to Google, beside the same request from plain httpx2.

Google is another process, whose CPU does not count. Only the ratios compare between machines.
"""

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import httpx2
from aiohttp import web
from pydantic import SecretStr

from benchmarks.surroundings import Row, json_option, save, show
from gemini_operator.gemini.api_key import fingerprint
from gemini_operator.gemini.clients import CAPACITY, GeminiClient, GeminiClients
from gemini_operator.gemini.remote import Submission
from gemini_operator.gemini.settings import GeminiSettings
from tests.emulator_process import API_KEY
from tests.integration.gemini.peer import Handler, Seen, serving

BLOCK = 10
"""Calls between two turns of the bare transport, so that both meet the same machine."""

REQUEST = {
    "contents": [{"role": "user", "parts": [{"text": "a short review of a book " * 20}]}],
    "generationConfig": {"temperature": 0.2, "maxOutputTokens": 256},
}
ANSWER = {"candidates": [{"content": {"parts": [{"text": "four stars " * 40}]}}]}
METADATA: dict[str, Any] = {
    "displayName": "reviews [0f9a1b2c-00112233445566aa]",
    "model": "models/gemini-2.5-flash",
    "state": "BATCH_STATE_RUNNING",
    "createTime": "2026-11-03T09:00:00.123456789Z",
    "batchStats": {"requestCount": "1000", "pendingRequestCount": "1000"},
}
NAME = "batches/b1"
WITH_RESULTS = "batches/with-results"

Act = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Call:
    """A call through the client, and the same request on the bare transport."""

    through: Act
    bare: Act


def submission(count: int) -> Submission:
    """A batch of `count` inline requests; of a file for none."""
    items = [{"key": f"request-{number}", "request": REQUEST} for number in range(count)]
    return Submission(
        model="gemini-2.5-flash",
        type="GenerateContent",
        display_name=METADATA["displayName"],
        inline=items or None,
        file_name=None if items else "files/in-1",
        callback_url="https://r.example/v1/callbacks/geminibatchjobs/n/m/u/a/t",
        user_metadata={"gemini-operator.io/uid": "0f9a1b2c-0000-4000-8000-000000000001"},
    )


def calls(client: GeminiClient, count: int) -> dict[str, Act]:
    """What is measured; `count` is the number of requests of a large batch."""
    batches = client.batches
    submit = partial(partial, batches.submit, may_send=lambda: True)
    return {
        "submit, a file": submit(submission(0)),
        "submit, one inline request": submit(submission(1)),
        f"submit, {count} inline requests": submit(submission(count)),
        "get": partial(batches.observe, NAME),
        f"get, {count} results": partial(batches.observe, WITH_RESULTS),
        "cancel": partial(batches.cancel, NAME),
        "delete": partial(batches.delete, NAME),
    }


def answers(count: int) -> dict[str, bytes]:
    """Google's answers, by the end of the path; `{}` to anything else."""
    items = [
        {"metadata": {"key": f"request-{number}"}, "response": ANSWER} for number in range(count)
    ]
    output = {"inlinedResponses": {"inlinedResponses": items}}
    batch = {"name": NAME, "metadata": METADATA}
    ended = {"name": WITH_RESULTS, "metadata": METADATA | {"output": output}, "done": True}
    return {
        "batchGenerateContent": json.dumps(batch).encode(),
        "b1": json.dumps(batch).encode(),
        "with-results": json.dumps(ended).encode(),
    }


def answering(known: dict[str, bytes]) -> Handler:
    """Google's side, which answers at once."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        end = request.path.replace(":", "/").rpartition("/")[2]
        return web.Response(body=known.get(end, b"{}"), content_type="application/json")

    return handle


async def _serve(ready: Connection, known: dict[str, bytes]) -> None:
    handle = answering(known)
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    ready.send(f"http://{host}:{port}")
    await asyncio.Event().wait()


def serve(ready: Connection, known: dict[str, bytes]) -> None:
    """Answer on a free port, which is told through `ready`, until the process is ended."""
    asyncio.run(_serve(ready, known))


@contextmanager
def google(count: int) -> Iterator[str]:
    """Run Google's side as a process of its own; the value is its URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, answers(count)), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()
        process.close()
        ours.close()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[GeminiClient]:
    settings = GeminiSettings(base_url=url, allow_insecure=True)
    # As in the controller, where every change asks whether the Lease is held.
    clients = GeminiClients(settings, may_send=lambda: True)
    try:
        yield clients.for_key(SecretStr(API_KEY))
    finally:
        await clients.aclose()


async def recorded(count: int) -> dict[str, Seen]:
    """Return every call's request, as the client puts it on the wire."""
    requests, handle = {}, answering(answers(count))
    async with serving() as peer, connected(peer.url) as client:
        for what, act in calls(client, count).items():
            peer.then(handle)
            await act()
            requests[what] = peer.seen[-1]
    return requests


async def spent(act: Act, number: int) -> float:
    """Microseconds of CPU for each of `number` calls."""
    begun = time.process_time_ns()
    for _ in range(number):
        await act()
    return (time.process_time_ns() - begun) / 1000 / number


async def compare(call: Call, number: int) -> Row:
    """The client and the bare transport in turns, `number` calls of each."""
    ours, bare = list[float](), list[float]()
    await spent(call.through, 3)
    await spent(call.bare, 3)
    for _ in range(max(1, number // BLOCK)):
        ours.append(await spent(call.through, BLOCK))
        bare.append(await spent(call.bare, BLOCK))
    client, transport = statistics.median(ours), statistics.median(bare)
    return {"client, µs": client, "bare transport, µs": transport, "ratio": client / transport}


def bare(http: httpx2.AsyncClient, url: str, seen: Seen) -> Act:
    """The same request from a plain client."""
    headers = [(name, value) for name, value in seen.headers if name.lower() != "host"]
    return partial(http.request, seen.method, url + seen.target, headers=headers, content=seen.body)


async def measure(url: str, number: int, count: int) -> dict[str, Row]:
    requests, measured = await recorded(count), {}
    async with connected(url) as client, httpx2.AsyncClient(trust_env=False) as http:
        for what, act in calls(client, count).items():
            call = Call(act, bare(http, url, requests[what]))
            # A large batch takes as long as many small ones.
            rounds = number // 10 if f" {count} " in what else number
            measured[what] = await compare(call, rounds)
    return measured


async def look_up(number: int) -> Row:
    """What it takes to find a cached client, beside one fingerprint of its key."""
    clients = GeminiClients(GeminiSettings())
    keys = [SecretStr(f"emulator-demo-{each:010d}") for each in range(CAPACITY)]
    for key in keys:
        clients.for_key(key)
    found = _timed(clients.for_key, keys, number)
    hashed = _timed(partial(fingerprint, salt="a salt"), keys, number)
    await clients.aclose()
    return {"look-up, µs": found, "fingerprint, µs": hashed, "ratio": found / hashed}


def _timed(call: Callable[[SecretStr], Any], keys: Sequence[SecretStr], number: int) -> float:
    """Microseconds of CPU for each call, with all keys `number` times."""
    begun = time.process_time_ns()
    for _ in range(number):
        for key in keys:
            call(key)
    return (time.process_time_ns() - begun) / 1000 / number / len(keys)


async def everything(url: str, number: int, count: int) -> dict[str, Row]:
    found = await look_up(max(1, number // 10))
    return {"a cached client": found} | await measure(url, number, count)


@click.command(context_settings={"show_default": True})
@click.option("--calls", "number", default=1000, type=click.IntRange(BLOCK), help="Of each kind.")
@click.option("--requests", "count", default=1000, type=click.IntRange(2), help="Of a large batch.")
@json_option
def main(number: int, count: int, file: Path | None) -> None:
    """Measure the calls to Google, in microseconds of CPU."""
    with google(count) as url:
        measured = asyncio.run(everything(url, number, count))
    for what, row in measured.items():
        show(what, row, width=32)
    save(measured, file)


if __name__ == "__main__":
    main()
