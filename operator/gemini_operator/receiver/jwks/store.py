"""The keys at hand, and when to ask for newer ones."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gemini_operator.receiver.jwks.errors import JwksError, KeysUnavailable
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.telemetry import logs, metrics

_log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds; the defaults outlive an outage of a day and notice a revoked key in an hour."""

    ttl: float = 3600.0
    stale: float = 24 * 3600.0
    """How old keys may be while newer ones cannot be had."""
    cooldown: float = 30.0
    """At least this long between refreshes that strangers can cause with bad signatures."""
    first_backoff: float = 1.0
    max_backoff: float = 60.0


class JwksStore:
    """A cache of one key set. One fetch runs at a time and everybody waits for that one."""

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
        self._flight: asyncio.Task[None] | None = None

    async def current(self) -> KeySet:
        """Keys no older than their time to live, or older ones while newer can't be had.

        Raises KeysUnavailable when there are none, or only ones that are too old.
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
        """Keys fetched after `known` failed to match, which a rotation would explain.

        Raises KeysUnavailable while the cooldown or a failure forbids to ask.
        """
        if self._keys is not None and self._keys is not known:
            return self._keys
        if self._flight is None:
            wait = self._forced_at + self._policy.cooldown - self._clock()
            if wait > 0:
                raise KeysUnavailable(wait)
            self._forced_at = self._clock()
        return await self._refreshed()

    async def warm(self) -> None:
        """Fetch ahead of the first delivery; a failure is no more than a log line."""
        try:
            await self.current()
        except KeysUnavailable:
            return

    async def close(self) -> None:
        """Give up a fetch that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    async def _refreshed(self) -> KeySet:
        if self._flight is None:
            self._refuse_while_blocked()
            self._flight = asyncio.create_task(self._fetch_once())
            self._flight.add_done_callback(self._landed)
        await asyncio.shield(self._flight)
        self._refuse_while_blocked()
        if self._keys is None:
            raise KeysUnavailable(self._policy.first_backoff)
        return self._keys

    def _refuse_while_blocked(self) -> None:
        wait = self._blocked_until - self._clock()
        if wait > 0:
            raise KeysUnavailable(wait)

    def _landed(self, _flight: asyncio.Task[None]) -> None:
        self._flight = None

    async def _fetch_once(self) -> None:
        try:
            self._keys = await self._fetch()
        except JwksError as error:
            self._failures += 1
            backoff = self._policy.first_backoff * 2.0 ** min(self._failures - 1, 16)
            self._blocked_until = self._clock() + min(backoff, self._policy.max_backoff)
            metrics.JWKS_FETCHES.labels("failed").inc()
            _log.warning("verification keys not fetched", reason=str(error))
            return
        self._failures = 0
        self._blocked_until = float("-inf")
        self._fetched_at = self._clock()
        metrics.JWKS_FETCHES.labels("fetched").inc()
        metrics.JWKS_FETCHED_AT.set_to_current_time()
        metrics.JWKS_KEYS.set(len(self._keys.ed25519))
        _log.info("verification keys fetched", ed25519=len(self._keys.ed25519))
