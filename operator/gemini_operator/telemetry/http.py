"""The second port of a process: health for the kubelet, metrics for Prometheus."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gemini_operator.telemetry.metrics import REGISTRY


class HealthServer:
    """
    Serves `/healthz` (the event loop turns), `/readyz` (`ready()` holds) and `/metrics`,
    which is the answer to `/` too.

    Args:
        host: address to listen on.
        port: TCP port; 0 takes a free one, which `port` then tells.
        ready: whether the process can do its work now.
    """

    def __init__(self, host: str, port: int, ready: Callable[[], bool]) -> None:
        self.port = port
        self._host = host
        self._ready = ready
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        for path in ("/metrics", "/"):
            app.router.add_get(path, self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self) -> None:
        """Listen; raises `OSError` when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        return (
            web.Response(text="ok\n")
            if self._ready()
            else web.Response(status=503, text="not ready\n")
        )

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
