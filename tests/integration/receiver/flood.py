"""A stranger with many sockets, as a program of its own so that it slows no test down.

    python -m tests.integration.receiver.flood < plan.json

Every socket sends its start, then a piece every so often, and is opened again when the receiver
has answered or closed it.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from gemini_operator.base import open_files

PROJECT = Path(__file__).parents[3]
PAUSE = 0.2
"""Seconds before a socket is opened again: 300 of them make up to 1,500 connections a second."""


@dataclass(frozen=True)
class Plan:
    host: str
    port: int
    starts: Sequence[str]
    """What the sockets send first, each socket the next of them."""
    sockets: int = 300
    piece: str = ""
    every: float = 1.0
    """Seconds between pieces."""


async def keep_open(plan: Plan, start: str) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection(plan.host, plan.port)
        except OSError:
            await asyncio.sleep(PAUSE)
            continue
        writer.write(start.encode())
        dripping = asyncio.create_task(drip(plan, writer))
        try:
            while (await reader.read(65536)).startswith(b"HTTP/1.1 100 "):
                pass
        except OSError:
            pass
        finally:
            dripping.cancel()
            writer.close()
        await asyncio.sleep(PAUSE)


async def drip(plan: Plan, writer: asyncio.StreamWriter) -> None:
    while plan.piece:
        await asyncio.sleep(plan.every)
        writer.write(plan.piece.encode())


async def run(plan: Plan) -> None:
    starts = [plan.starts[number % len(plan.starts)] for number in range(plan.sockets)]
    await asyncio.gather(*(keep_open(plan, start) for start in starts))


@contextmanager
def running(plan: Plan) -> Iterator[None]:
    """Flood for the length of the block."""
    command = [sys.executable, "-m", "tests.integration.receiver.flood"]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(asdict(plan)).encode())
        process.stdin.close()
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    open_files.raise_limit()
    asyncio.run(run(Plan(**json.load(sys.stdin))))
