"""Clients of the Gemini API, one for each API key, in a bounded cache."""

import asyncio
import hmac
import secrets
import ssl
from collections import OrderedDict
from collections.abc import Callable

import httpx2
from pydantic import SecretStr

from gemini_operator.gemini import api_key, sdk
from gemini_operator.gemini.connection import GeminiConnection
from gemini_operator.gemini.files import Files
from gemini_operator.gemini.kinds.batches import Batches
from gemini_operator.gemini.remote import RemoteJob
from gemini_operator.gemini.settings import GeminiSettings

CAPACITY = 256
"""Clients in the cache. Each has a few idle connections at most."""


class GeminiClient:
    """The Gemini API for one API key.

    Attributes:
        batches: the batches of the key's project.
        files: its files.
        key_id: identifies the key in this process. It is salted, so it reveals nothing
            of the key and differs after every start.
    """

    batches: RemoteJob
    files: Files

    def __init__(
        self,
        key: SecretStr,
        settings: GeminiSettings,
        *,
        ssl_context: ssl.SSLContext,
        key_id: str,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self.key_id = key_id
        self._connection = GeminiConnection(key, settings, ssl_context, may_send)
        # Kept, because the SDK's client closes its connections when it is garbage-collected.
        self._sdk = sdk.build(key, settings, self._connection.http, ssl_context)
        self.batches = Batches(self._connection, self._sdk.aio, settings)
        self.files = Files(self._connection, self._sdk.aio, settings)

    async def aclose(self) -> None:
        """Close the connections as soon as no request is under way."""
        await self._connection.aclose()


class GeminiClients:
    """A cache of clients by API key; the least recently used is dropped first.

    Args:
        settings: for all clients.
        capacity: the number of clients in the cache.
        may_send: called for every request that may change something, once its connection is open
            and before its first byte; False stops the request with `errors.NotSent`.
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
        # By the key itself: a fingerprint of it would have to be computed at each use. Equal keys
        # are equal as `SecretStr`, which never shows its value.
        self._clients: OrderedDict[SecretStr, GeminiClient] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()
        # Loading the certificates takes long, so all clients share one context.
        self._ssl_context = httpx2.create_ssl_context(trust_env=settings.trust_env)

    def for_key(self, key: SecretStr) -> GeminiClient:
        """Return the client of a key. Call it in the event loop that uses the client.

        Raises:
            api_key.InvalidKey: the string cannot be an API key (S4).
        """
        client = self._clients.get(key)
        if client is not None:
            self._clients.move_to_end(key)
            return client
        client = self._clients[key] = self._new(key)
        self._drop_oldest()
        return client

    async def aclose(self) -> None:
        """Close all clients, also those that were dropped and are still closing."""
        clients = [self._clients.popitem()[1] for _ in range(len(self._clients))]
        await asyncio.gather(*(client.aclose() for client in clients), *self._closing)

    def _new(self, key: SecretStr) -> GeminiClient:
        api_key.check(key)
        return GeminiClient(
            key,
            self._settings,
            ssl_context=self._ssl_context,
            key_id=self._key_id(key),
            may_send=self._may_send,
        )

    def _key_id(self, key: SecretStr) -> str:
        """Return the id of a key, salted for this process so that it reveals nothing (S23)."""
        return hmac.digest(self._salt, key.get_secret_value().encode(), "sha256").hex()[:16]

    def _drop_oldest(self) -> None:
        while len(self._clients) > self._capacity:
            _, client = self._clients.popitem(last=False)
            # A reference is kept, as the event loop itself keeps none and may lose the task.
            task = asyncio.get_running_loop().create_task(client.aclose())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
