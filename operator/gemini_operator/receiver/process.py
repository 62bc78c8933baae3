"""The receiver process: creates its parts, serves until a signal, then stops them in order."""

import asyncio
from contextlib import AsyncExitStack

import click
from yarl import URL

from gemini_operator.base import logs, metrics
from gemini_operator.base.health import HealthServer
from gemini_operator.base.process import stop_requested
from gemini_operator.base.version import VERSION
from gemini_operator.callbacks.keys import KeyDirectory
from gemini_operator.kube import connection
from gemini_operator.kube.batch_jobs import BatchJobs
from gemini_operator.kube.client import KubeClient
from gemini_operator.receiver.budget import WriteBudget
from gemini_operator.receiver.handler import CallbackHandler, Webhooks
from gemini_operator.receiver.jwks.fetch import JwksFetcher
from gemini_operator.receiver.jwks.store import JwksStore
from gemini_operator.receiver.record import DeliveryRecorder, StatusProbe
from gemini_operator.receiver.server import PublicServer
from gemini_operator.receiver.settings import Limits, Settings
from gemini_operator.receiver.verification import Verifier
from gemini_operator.receiver.webhooks.dynamic import DynamicWebhooks
from gemini_operator.receiver.webhooks.secrets import SecretDirectory
from gemini_operator.receiver.webhooks.static import StaticRecorder, StaticWebhooks

PATCH_TIMEOUT = 2.0
"""Seconds for one request to the API server. Two fit into the time for a response."""

_log = logs.get_logger(__name__)


async def run(
    settings: Settings, keys: KeyDirectory, secrets: SecretDirectory | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the accepted requests.

    Args:
        settings: the receiver's flags.
        keys: the callback keys of dynamic webhooks.
        secrets: of static webhooks; None if none are served.

    Raises:
        OSError: a port is taken.
        ValueError: there is no connection to Kubernetes.
    """
    stopping = stop_requested()
    # Parts are closed in the reverse order: the public port, health, then the clients.
    async with AsyncExitStack() as stack:
        server, store = await _assemble(settings, keys, secrets, stack)
        health = HealthServer(
            settings.health_host,
            settings.metrics_port,
            lambda: None if server.accepting and not stopping.is_set() else "stopping",
            own=metrics.RECEIVER,
        )
        await health.start()
        stack.push_async_callback(health.close)
        await server.start()
        stack.push_async_callback(server.close)
        # A query is part of no published URL, and might hold a token.
        keys_url = str(URL(settings.jwks_url).with_query(None))
        static = ["/".join(name) for name in secrets.names] if secrets else []
        _log.info("the receiver starts", version=VERSION, jwks_url=keys_url, static_webhooks=static)
        # Beside the server: Google's keys may be slow, and readiness must not depend on them.
        warming = asyncio.create_task(store.warm())
        stack.callback(warming.cancel)
        click.echo(f"metrics on http://{settings.health_host}:{health.port}")
        # This line comes last: when a caller reads it, both ports are open and both lines written.
        click.echo(f"listening on http://{server.host}:{server.port}")
        await stopping.wait()
        _log.info("stopping: finishing accepted requests")


async def _assemble(
    settings: Settings,
    keys: KeyDirectory,
    secrets: SecretDirectory | None,
    stack: AsyncExitStack,
) -> tuple[PublicServer, JwksStore]:
    limits = Limits()
    target = await connection.load(settings.kubeconfig)
    client = KubeClient(target, timeout=PATCH_TIMEOUT)
    stack.push_async_callback(client.close)
    fetcher = JwksFetcher(settings.jwks_url)
    stack.push_async_callback(fetcher.close)
    store = JwksStore(fetcher)
    stack.push_async_callback(store.close)
    jobs = BatchJobs(client)
    recorder = DeliveryRecorder(jobs, StatusProbe(client))
    webhooks: list[Webhooks] = [
        DynamicWebhooks(keys, Verifier(store), recorder, WriteBudget(), settings.tokens)
    ]
    if secrets is not None:
        webhooks.append(StaticWebhooks(secrets, StaticRecorder(jobs, recorder)))
    handler = CallbackHandler(webhooks, limits=limits)
    return PublicServer(handler, host=settings.host, port=settings.port, limits=limits), store
