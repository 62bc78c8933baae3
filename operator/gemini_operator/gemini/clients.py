"""One client for each API key, and a bounded number of them."""

import asyncio
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable

import httpx2
from pydantic import SecretStr

from gemini_operator.gemini import api_key, sdk
from gemini_operator.gemini.batches import Batches
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.files import Files
from gemini_operator.gemini.remote import RemoteJob
from gemini_operator.gemini.settings import GeminiSettings

CAPACITY = 256
"""Clients kept; each holds a few idle connections at most."""


class GeminiClient:
    """Everything that is said to Google with one API key.

    Attributes:
        batches: the batch jobs of the key's project.
        files: its files.
        fingerprint_group: what groups calls of the same key in this process; it is not the key,
            can't be computed from it elsewhere, and changes with every start.
    """

    batches: RemoteJob
    files: Files

    def __init__(
        self,
        key: SecretStr,
        settings: GeminiSettings,
        *,
        ssl_context: ssl.SSLContext,
        fingerprint_group: str,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self.fingerprint_group = fingerprint_group
        self._connection = GeminiConnection(key, settings, ssl_context, may_send)
        # The SDK closes its side when it is collected, so it lives as long as its users.
        self._sdk = sdk.build(key, settings, self._connection.http, ssl_context)
        self.batches = Batches(self._connection, self._sdk.aio, settings)
        self.files = Files(self._connection, self._sdk.aio, settings)

    async def aclose(self) -> None:
        """Close the connections as soon as nothing is in flight."""
        await self._connection.aclose()


class GeminiClients:
    """Clients by key, the least recently used dropped first.

    Args:
        settings: for all of them.
        capacity: how many are kept.
        may_send: asked when a request that may change something has its connection, before its
            first byte goes out; False stops it with `errors.NotSent`.
    """

    def __init__(
        self,
        settings: GeminiSettings,
        *,
        capacity: int = CAPACITY,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._capacity = capacity
        self._may_send = may_send
        self._salt = secrets.token_bytes(32)
        self._clients: OrderedDict[str, GeminiClient] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        self._ssl_context = httpx2.create_ssl_context(trust_env=settings.trust_env)

    def for_key(self, key: SecretStr) -> GeminiClient:
        """The client of a key; called in the event loop that its calls will run in.

        Raises:
            api_key.InvalidKey: the string cannot be an API key (rule S4).
        """
        api_key.check(key)
        group = self._group(key)
        client = self._clients.get(group)
        if client is None:
            client = GeminiClient(
                key,
                self._settings,
                ssl_context=self._ssl_context,
                fingerprint_group=group,
                may_send=self._may_send,
            )
            self._clients[group] = client
        self._clients.move_to_end(group)
        self._drop_oldest()
        return client

    async def aclose(self) -> None:
        """Close every client, those dropped before included."""
        clients = [self._clients.popitem()[1] for _ in range(len(self._clients))]
        await asyncio.gather(*(client.aclose() for client in clients), *self._closing)

    def _group(self, key: SecretStr) -> str:
        """Salted anew in every process, so that it tells nothing to whoever reads it (S23)."""
        return hmac.digest(self._salt, key.get_secret_value().encode(), "sha256").hex()[:16]

    def _drop_oldest(self) -> None:
        while len(self._clients) > self._capacity:
            _, client = self._clients.popitem(last=False)
            task = asyncio.get_running_loop().create_task(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
