"""The emulator's process: it builds all parts, serves HTTP and runs the background loops."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from aiohttp import web

from gemini_emulator import model_routes
from gemini_emulator.batch_routes import BatchRoutes
from gemini_emulator.batch_runner import BatchRunner
from gemini_emulator.batches import BatchStore
from gemini_emulator.control_routes import ControlRoutes
from gemini_emulator.deliveries import Deliveries
from gemini_emulator.errors import ApiError
from gemini_emulator.faults import Faults
from gemini_emulator.file_routes import FileRoutes, UploadRoutes
from gemini_emulator.files import FileStore
from gemini_emulator.request_filter import (
    MAX_BODY_BYTES,
    RequestCounters,
    RequestFilter,
    error_response,
)
from gemini_emulator.result_options import DefaultOptions
from gemini_emulator.routes import ApiRoute, RouteHandler
from gemini_emulator.schedule import TimeSource
from gemini_emulator.settings import EmulatorSettings
from gemini_emulator.signing import SigningKeys
from gemini_emulator.uploads import Uploads
from gemini_emulator.webhook_routes import WebhookRoutes
from gemini_emulator.webhooks import WebhookStore

_SHUTDOWN_SECONDS = 2.0


class Emulator:
    """The state, the signing keys and the background loops of one emulator process."""

    def __init__(self, settings: EmulatorSettings, root: Path, clock: TimeSource) -> None:
        self.faults = Faults()
        self.counters = RequestCounters(root / "requests.log")
        self.keys = SigningKeys(root / "keys", settings.signature, settings.token_audience)
        self.files = FileStore(root / "files", clock)
        self.uploads = Uploads(
            root / "uploads", self.files, clock, max_stored_bytes=settings.max_stored_bytes
        )
        self.webhooks = WebhookStore(root / "webhooks", clock)
        self.deliveries = Deliveries(
            root / "deliveries",
            keys=self.keys,
            webhooks=self.webhooks,
            allowed=settings.deliver_to,
            retries=settings.retry_schedule,
            clock=clock,
        )
        self.batch_runner = BatchRunner(
            BatchStore(root / "batches"),
            schedule=settings.schedule,
            clock=clock,
            input_path=self.files.content,
            announce=self.deliveries.announce,
            max_open=settings.max_open_batches,
            default_options=DefaultOptions(root / "results.json"),
        )
        self._settings = settings
        self._clock = clock

    def application(self) -> web.Application:
        app = web.Application(
            client_max_size=MAX_BODY_BYTES, middlewares=[_unknown_path_as_api_error]
        )
        request_filter = RequestFilter(self.faults, self.counters)
        for route in self._routes():
            app.router.add_route(route.method, route.path, request_filter.wrap(route))
        ControlRoutes(
            token=self._settings.control_token,
            runner=self.batch_runner,
            files=self.files,
            uploads=self.uploads,
            webhooks=self.webhooks,
            deliveries=self.deliveries,
            faults=self.faults,
            counters=self.counters,
            keys=self.keys,
        ).add_to(app.router)
        app.on_shutdown.append(self._drop_held_requests)
        return app

    async def run(self) -> None:
        """Advance batches and deliver callbacks until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self.batch_runner.run())
            loops.create_task(self.deliveries.run())

    def _routes(self) -> list[ApiRoute]:
        return [
            *BatchRoutes(self.batch_runner, self.faults, self._clock).table(),
            *UploadRoutes(self.uploads).table(),
            *FileRoutes(self.files, self.batch_runner.batches).table(),
            *WebhookRoutes(self.webhooks, self.deliveries, self._clock).table(),
            *model_routes.table(),
            ApiRoute("GET", "/.well-known/jwks.json", "jwks", self._jwks),
        ]

    async def _jwks(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.keys.jwks())

    async def _drop_held_requests(self, app: web.Application) -> None:
        del app
        self.faults.release(answer=False)


@web.middleware
async def _unknown_path_as_api_error(
    request: web.Request, handler: RouteHandler
) -> web.StreamResponse:
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return error_response(ApiError(404, "Requested URL was not found on this server."))


async def serve(settings: EmulatorSettings, folder: Path) -> None:
    """Serve until SIGTERM or SIGINT; print the address once connections are accepted."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    emulated = Emulator(settings, folder, time.time)
    try:
        async with _listening(emulated.application(), settings.host, settings.port) as url:
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
        # The text of asyncio's error repeats the address.
        number = error.errno or 0
        why = os.strerror(number).lower() if number > 0 else error.strerror
        raise click.UsageError(
            f"cannot listen on {host} port {port} ({why}): choose another --port or --host"
        ) from error


async def _run_until(stop: asyncio.Event, emulated: Emulator) -> None:
    """Run the background loops until `stop` is set; an error in a loop ends the process."""
    loops = asyncio.create_task(emulated.run())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({loops, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if loops.done():
        loops.result()
    stopped.cancel()
    loops.cancel()
    await asyncio.wait({loops, stopped})
