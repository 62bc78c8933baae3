"""`python -m benchmarks.receiver`: what a delivery costs the receiver, beside what it cannot avoid.

The receiver and the API server are real processes on this machine, so only the ratios compare between
machines. Google publishes three keys and signs with the third, as it was seen to do.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import click
import psutil

from benchmarks.surroundings import (
    Row,
    at_once,
    json_option,
    quantiles,
    save,
    show,
    surroundings,
)
from gemini_operator.callbacks import address
from gemini_operator.callbacks.address import Target
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.kube import connection, patches
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.signatures import headers, table
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from tests.deliveries import Signer, encoded, envelope, jwks
from tests.integration.receiver.peers import KeyPublisher
from tests.operator_process import SIGNING_KEY, Operator, Process, inline_job

NAMESPACE = "deliveries"
ATTEMPT = "0123456789abcdef"
RUNNING = {"attempt": {"id": ATTEMPT, "number": 1, "startTime": "2026-11-03T09:00:00Z"}}
SIGNERS = Signer(b"\x01" * 32), Signer(b"\x02" * 32), Signer()
BODY = encoded(envelope())
CONNECTIONS = 32
BLOCK = 200
"""Deliveries between two turns of bare patches, so that both meet the same machine."""

_EVENTS = count()

Act = Callable[[Target], Awaitable[None]]


@dataclass
class Scene:
    """The receiver, the jobs that wait, and how both are reached."""

    receiver: Process
    targets: Sequence[Target]
    keys: KeyDirectory
    kubeconfig: Path

    def path(self, target: Target) -> str:
        return address.url("", self.keys.signing(), target)

    def cpu(self) -> float:
        """Seconds of CPU that the receiver has used."""
        times = psutil.Process(self.receiver.pid).cpu_times()
        return float(times.user + times.system)


class Google:
    """Sends deliveries, `CONNECTIONS` at a time.

    Args:
        scene: the receiver and the addresses.
        session: of the client.
    """

    def __init__(self, scene: Scene, session: aiohttp.ClientSession) -> None:
        self._scene = scene
        self._session = session

    async def deliver(self, target: Target) -> None:
        """A genuine delivery of a new event."""
        await self._post(self._scene.path(target), SIGNERS[2], 200)

    async def forge(self, target: Target) -> None:
        """A delivery to an address with a wrong token."""
        path = self._scene.path(target)
        await self._post(path[:-1] + ("0" if path[-1] != "0" else "1"), SIGNERS[2], 404)

    async def _post(self, path: str, signer: Signer, expected: int) -> None:
        signed = signer.headers(BODY, event_id=f"msg_{next(_EVENTS)}")
        url = self._scene.receiver.url + path
        async with self._session.post(url, data=BODY, headers=signed) as answer:
            assert answer.status == expected, answer.status
            await answer.read()


def patcher(kube: KubeClient) -> Act:
    """The write that a delivery ends in, and nothing else."""
    jobs = BatchJobs(kube)

    async def patch(target: Target) -> None:
        event = {"id": f"msg_{next(_EVENTS)}", "attempt": ATTEMPT, "type": "batch.succeeded"}
        body = patches.record_event(target.uid, ATTEMPT, event)
        name = target.namespace, target.name
        await jobs.patch_status(*name, body, merge=False, metadata_only=True)

    return patch


async def spent(act: Act, targets: Sequence[Target]) -> float:
    """The seconds for all targets, `CONNECTIONS` at a time."""
    waiting = iter(targets)

    async def work() -> None:
        for target in waiting:
            await act(target)

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return time.perf_counter() - begun


async def whole(scene: Scene, google: Google, patch: Act) -> dict[str, Row]:
    """Deliveries and bare patches of the same objects, in turns."""
    blocks = [scene.targets[i : i + BLOCK] for i in range(0, len(scene.targets), BLOCK)]
    await spent(google.deliver, blocks[0])
    delivered, patched, cpu = 0.0, 0.0, 0.0
    for block in blocks:
        before = scene.cpu()
        delivered += await spent(google.deliver, block)
        cpu += scene.cpu() - before
        patched += await spent(patch, block)
    before = scene.cpu()
    await spent(google.forge, scene.targets)
    refused, number = scene.cpu() - before, len(scene.targets)
    return {
        "whole deliveries": {
            "per second": number / delivered,
            "bare patches per second": number / patched,
            "ratio": patched / delivered,
        },
        "CPU of the receiver, ms": {
            "per delivery": cpu / number * 1000,
            "per wrong token": refused / number * 1000,
            "ratio": refused / cpu,
        },
    }


async def paced(google: Google, targets: Sequence[Target], per_second: int) -> dict[str, Row]:
    """Deliveries at a steady rate, whatever the answers take."""
    begun, seconds = time.perf_counter(), list[float]()

    async def one(target: Target) -> None:
        sent = time.perf_counter()
        await google.deliver(target)
        seconds.append(time.perf_counter() - sent)

    async with asyncio.TaskGroup() as tasks:
        for number, target in enumerate(targets):
            await asyncio.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
            tasks.create_task(one(target))
    row = {name: value * 1000 for name, value in quantiles(seconds).items()}
    return {f"answered at {per_second}/s, ms": row}


def verification(number: int) -> dict[str, Row]:
    """The check of a signature alone, and the library's call alone, in turns."""
    signed, keys = SIGNERS[2].headers(BODY), parse(jwks(*SIGNERS))
    raw = [(name.encode(), value.encode()) for name, value in signed.items()]
    public, now = SIGNERS[2].private.public_key(), time.time()
    signature = SIGNERS[2].private.sign(b"x" * len(BODY))
    ours, library = 0.0, 0.0
    for _ in range(number):
        begun = time.perf_counter()
        claimed = headers.read(raw)
        assert claimed is not None
        table.verify(table.dynamic(TokenPolicy()), claimed, BODY, keys, now)
        between = time.perf_counter()
        public.verify(signature, b"x" * len(BODY))
        ours, library = ours + between - begun, library + time.perf_counter() - between
    row = {"per second": number / ours, "the library alone": number / library}
    return {"verification alone": {**row, "ratio": library / ours}}


@contextmanager
def scene(directory: Path, jobs: int) -> Iterator[Scene]:
    """The receiver with `jobs` jobs that wait, in `directory`."""
    with surroundings(directory, NAMESPACE) as around, KeyPublisher(*SIGNERS) as publisher:
        operator = around.operator
        operator.receiver.args += ["--log-level", "info"]
        operator.start_receiver(jwks_url=publisher.url)
        targets = submit(operator, [f"job-{number}" for number in range(jobs)])
        keys = KeyDirectory(directory / "callback-keys", SIGNING_KEY)
        yield Scene(operator.receiver, targets, keys, around.accounts["receiver"])


def submit(operator: Operator, names: Sequence[str]) -> list[Target]:
    """Create jobs that look as if they had been submitted; what their callbacks are for."""
    found: dict[str, Target] = {}
    api = operator.control_plane.api

    def create(name: str) -> None:
        made: Any = api.request("POST", operator.path(), inline_job(name))
        path, kind = f"{operator.path(name=name)}/status", "application/merge-patch+json"
        api.request("PATCH", path, {"status": RUNNING}, kind)
        uid = made["metadata"]["uid"]
        found[name] = Target("geminibatchjobs", NAMESPACE, name, uid, ATTEMPT)

    at_once(create, names)
    return [found[name] for name in names]


async def measure(scene: Scene, per_second: int) -> dict[str, Row]:
    kube = KubeClient(await connection.load(str(scene.kubeconfig)))
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    try:
        async with aiohttp.ClientSession(connector=connector) as session:
            google = Google(scene, session)
            measured = await whole(scene, google, patcher(kube))
            return measured | await paced(google, scene.targets, per_second)
    finally:
        await kube.close()


@click.command(context_settings={"show_default": True})
@click.option("--jobs", default=2000, type=click.IntRange(BLOCK), help="Deliveries of each kind.")
@click.option("--per-second", default=100, type=click.IntRange(1), help="The steady rate.")
@json_option
def main(jobs: int, per_second: int, file: Path | None) -> None:
    """Measure deliveries at the receiver."""
    with tempfile.TemporaryDirectory() as directory, scene(Path(directory), jobs) as running:
        measured = verification(jobs) | asyncio.run(measure(running, per_second))
    for what, row in measured.items():
        show(what, row, width=30)
    save(measured, file)


if __name__ == "__main__":
    main()
