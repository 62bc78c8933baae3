"""The emulator put together: state from disk, the web application, the loops behind it."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from aiohttp import web

from gemini_emulator import model_routes
from gemini_emulator.addresses import Prefix
from gemini_emulator.batch_routes import BatchRoutes
from gemini_emulator.batch_runner import Jobs
from gemini_emulator.batches import Batches
from gemini_emulator.control_routes import Control
from gemini_emulator.deliveries import Deliveries
from gemini_emulator.errors import ApiError
from gemini_emulator.faults import Faults
from gemini_emulator.file_routes import FileRoutes, UploadRoutes
from gemini_emulator.files import Files, Uploads
from gemini_emulator.request_filter import LARGEST_BODY, Counters, Gate, error_response
from gemini_emulator.routes import Handler, Route
from gemini_emulator.schedule import Clock, RetrySchedule, Schedule
from gemini_emulator.signing import Mode, SigningKeys


@dataclass(frozen=True)
class Settings:
    """How one emulator behaves."""

    state_dir: Path
    schedule: Schedule
    retries: RetrySchedule
    deliver_to: tuple[Prefix, ...]
    signature: Mode
    control_token: str | None
    most_open_batches: int


class Emulator:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        root = settings.state_dir
        self.faults = Faults()
        self.counters = Counters(root / "requests.log")
        self.keys = SigningKeys(root / "keys", settings.signature)
        self.files = Files(root / "files", clock)
        self.uploads = Uploads(root / "uploads", self.files, clock)
        self.deliveries = Deliveries(
            root / "deliveries",
            keys=self.keys,
            allowed=settings.deliver_to,
            retries=settings.retries,
            clock=clock,
        )
        self.jobs = Jobs(
            Batches(root / "batches"),
            schedule=settings.schedule,
            clock=clock,
            input_path=self.files.content,
            announce=self.deliveries.announce,
            most_open=settings.most_open_batches,
        )
        self._settings = settings
        self._clock = clock

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_in_googles_form])
        gate = Gate(self.faults, self.counters)
        for route in self._routes():
            app.router.add_route(route.method, route.path, gate.wrap(route))
        Control(
            token=self._settings.control_token,
            jobs=self.jobs,
            files=self.files,
            uploads=self.uploads,
            deliveries=self.deliveries,
            faults=self.faults,
            counters=self.counters,
            keys=self.keys,
        ).add_to(app.router)
        app.on_shutdown.append(self._let_go)
        return app

    async def run(self) -> None:
        """Move batches on and deliver callbacks until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.jobs.run())
            loops.create_task(self.deliveries.run())

    def _routes(self) -> list[Route]:
        return [
            *BatchRoutes(self.jobs, self.faults, self._clock).table(),
            *UploadRoutes(self.uploads).table(),
            *FileRoutes(self.files, self.jobs.batches).table(),
            *model_routes.table(),
            Route("GET", "/.well-known/jwks.json", "jwks", self._jwks),
        ]

    async def _jwks(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.keys.jwks())

    async def _let_go(self, app: web.Application) -> None:
        del app
        self.faults.release(answer=False)


@web.middleware
async def _in_googles_form(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return error_response(ApiError(404, "Requested URL was not found on this server."))


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
