"""The port for the kubelet and Prometheus: health, readiness and metrics."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gemini_operator.base import metrics, ports
from gemini_operator.base.version import VERSION


class HealthServer:
    """Serves health, readiness and metrics.

    `/healthz` is 200 while the event loop responds. `/readyz` is 200 while the process can do its
    work, otherwise 503 with the reason. `/metrics` and `/` are the metrics.

    Args:
        host: address to listen on.
        port: TCP port; 0 takes a free one, and `port` is its number after `start`.
        not_ready: returns why the process cannot do its work now; `None` if it can.
        own: the metrics that only this process has.
        refresh: called before the metrics are read.
    """

    def __init__(
        self,
        host: str,
        port: int,
        not_ready: Callable[[], str | None],
        *,
        own: CollectorRegistry,
        refresh: Callable[[], None] = lambda: None,
    ) -> None:
        self.port = port
        self._host = host
        self._not_ready = not_ready
        self._registries = (metrics.REGISTRY, own)
        self._refresh = refresh
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        for path in ("/metrics", "/"):
            app.router.add_get(path, self._metrics)
        # The process handles signals itself, in its own order.
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken; the message names the flag.
        """
        metrics.BUILD_INFO.labels(VERSION).set(1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        with ports.listening(
            self._host, self.port, host_flag="--health-host", port_flag="--metrics-port"
        ):
            await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        problem = self._not_ready()
        if problem is None:
            return web.Response(text="ok\n")
        return web.Response(status=503, text=f"not ready: {problem}\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        self._refresh()
        body = b"".join(generate_latest(registry) for registry in self._registries)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
