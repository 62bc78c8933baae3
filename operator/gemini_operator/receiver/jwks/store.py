"""Cache Google's verification keys and decide when to fetch them again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gemini_operator.base import logs, metrics
from gemini_operator.base.backoff import Backoff
from gemini_operator.receiver.signatures.keys import KeySet

_log = logs.get_logger(__name__)


class JwksError(Exception):
    """One fetch failed to return a key set. The message says why in a few words."""


class KeysUnavailable(Exception):
    """There are no keys to verify with now. The sender should retry after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("no verification keys are available yet")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Policy:
    """When keys are fetched; times in seconds.

    With the defaults, deliveries are verified through an outage of one day, and a revoked key is
    noticed within an hour.
    """

    ttl: float = 3600.0
    stale: float = 24 * 3600.0
    """The oldest age of keys that are used while newer ones cannot be fetched."""
    cooldown: float = 30.0
    """The shortest time between two fetches that bad signatures can cause."""
    first_backoff: float = 1.0
    max_backoff: float = 60.0


class JwksStore:
    """A cache of one key set. Only one fetch runs at a time, and every caller waits for it.

    Args:
        fetch: gets the published keys; raises JwksError.
        policy: ages and delays.
        clock: a monotonic clock in seconds.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[KeySet]],
        *,
        policy: Policy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._policy = policy or Policy()
        self._clock = clock
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._failures = 0
        self._blocked_until = float("-inf")
        self._forced_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        """Return keys no older than their time to live, or older ones while a fetch fails.

        Raises:
            KeysUnavailable: there are no keys, or only ones that are too old.
        """
        if self._keys is not None and self._age() <= self._policy.ttl:
            return self._keys
        try:
            return await self._refreshed()
        except KeysUnavailable:
            if self._keys is not None and self._age() <= self._policy.stale:
                return self._keys
            raise

    async def newer(self, known: KeySet) -> KeySet:
        """Return keys that are newer than `known`, as Google may have rotated them.

        Raises:
            KeysUnavailable: the cooldown or the backoff forbids a fetch now.
        """
        # Another delivery has fetched them since.
        if self._keys is not None and self._keys is not known:
            return self._keys
        if self._fetching is None:
            wait = self._forced_at + self._policy.cooldown - self._clock()
            if wait > 0:
                raise KeysUnavailable(wait)
            # Set before the fetch: a stranger's bad signatures must not cause one after the other.
            self._forced_at = self._clock()
        return await self._refreshed()

    async def warm(self) -> None:
        """Fetch the keys before the first delivery. A failure is only logged."""
        try:
            await self.current()
        except KeysUnavailable:
            return

    async def close(self) -> None:
        """Cancel a fetch that is running."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refreshed(self) -> KeySet:
        if self._fetching is None:
            self._refuse_while_blocked()
            self._fetching = asyncio.create_task(self._fetch_once())
            self._fetching.add_done_callback(self._fetch_done)
        # Shielded: a delivery that is evicted must not cancel the fetch that others wait for.
        await asyncio.shield(self._fetching)
        self._refuse_while_blocked()
        if self._keys is None:
            raise KeysUnavailable(self._policy.first_backoff)
        return self._keys

    def _refuse_while_blocked(self) -> None:
        wait = self._blocked_until - self._clock()
        if wait > 0:
            raise KeysUnavailable(wait)

    def _fetch_done(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch_once(self) -> None:
        try:
            self._keys = await self._fetch()
        except JwksError as error:
            self._failures += 1
            backoff = Backoff(self._policy.first_backoff, self._policy.max_backoff)
            self._blocked_until = self._clock() + backoff.longest(self._failures)
            metrics.JWKS_FETCHES.labels("failed").inc()
            _log.warning("verification keys could not be fetched", reason=str(error))
            return
        self._failures = 0
        self._blocked_until = float("-inf")
        self._fetched_at = self._clock()
        metrics.JWKS_FETCHES.labels("fetched").inc()
        metrics.JWKS_FETCHED_AT.set_to_current_time()
        ed25519, rsa = len(self._keys.ed25519), len(self._keys.rsa)
        metrics.JWKS_KEYS.set(ed25519 + rsa)
        _log.info("verification keys fetched", ed25519=ed25519, rsa=rsa)
