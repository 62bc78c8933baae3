"""The process: listens, runs the loops, and ends on SIGTERM or SIGINT."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
from aiohttp import web

from gemini_emulator.app import Emulator, Settings

_SHUTDOWN_SECONDS = 2.0


async def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until told to stop; prints one line with the address once it accepts connections."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    emulated = Emulator(settings, time.time)
    try:
        async with _listening(emulated.application(), host, port) as url:
            emulated.deliveries.base_url = url
            click.echo(f"listening on {url}")
            await _run_until(stop, emulated)
    finally:
        emulated.counters.close()


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await _bind(runner, host, port)
        name = f"[{host}]" if ":" in host else host
        yield f"http://{name}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _bind(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
    except OSError as error:
        raise click.UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}): choose another --port"
        ) from error


async def _run_until(stop: asyncio.Event, emulated: Emulator) -> None:
    """Run the loops; one that fails ends the process with its error."""
    loops = asyncio.create_task(emulated.run())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({loops, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if loops.done():
        loops.result()
    stopped.cancel()
    loops.cancel()
    await asyncio.wait({loops, stopped})
