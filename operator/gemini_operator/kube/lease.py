"""One candidate's side of an election: a Lease is taken, renewed and given back (rule P6).

The ready-made election of `kubernetes.aio` kept leading without a lease, so this one is our own;
its fields and its reading of time are those of client-go
(https://pkg.go.dev/k8s.io/client-go/tools/leaderelection).
"""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gemini_operator.base.clock import Clock
from gemini_operator.kube import errors, lease_record
from gemini_operator.kube.client import KubeClient
from gemini_operator.kube.lease_record import LastSeen, Lease

RELEASE_TRIES = 3


class LeaseTaken(errors.Conflict):
    """Another candidate holds the Lease that was to be renewed."""

    def __init__(self, holder: str) -> None:
        super().__init__(409, "LeaseTaken", f"{holder} holds the Lease")


@dataclass(frozen=True)
class Terms:
    """Which Lease, and what its holder writes into it.

    Args:
        namespace: of the Lease.
        name: of the Lease.
        duration: seconds for which others wait after the last renewal.
        timeout: seconds for one try, its one or two requests together.
    """

    namespace: str
    name: str
    duration: int
    timeout: float


class Election:
    """One candidate for one Lease.

    Every write names the version that it replaces, so of two at the same time one fails, and one
    that arrives late changes nothing. After any failure the Lease is read before it is written.

    Args:
        client: one of its own, so that a renewal never waits behind other requests.
        terms: which Lease.
        clock: judges when a Lease has expired.
        identity: tells this process from every other one, restarts included.
    """

    def __init__(
        self, client: KubeClient, terms: Terms, clock: Clock, *, identity: str | None = None
    ) -> None:
        self.identity = identity or new_identity()
        self._client = client
        self._terms = terms
        self._clock = clock
        self._seen = LastSeen()
        self._held: Lease | None = None
        self._tried = False

    @property
    def holder(self) -> str:
        """Who held the Lease when it was last read; empty: nobody, or not known yet."""
        return self._seen.holder

    async def acquire(self) -> bool:
        """Try once to take the Lease; False while another one may still hold it.

        Raises:
            KubeError: the outcome is unknown, or somebody else was quicker.
        """
        async with self._one_try():
            lease = await self._read()
            if self._held_by_another():
                return False
            await self._claim(lease)
            return True

    async def renew(self) -> None:
        """Renew the Lease once.

        Raises:
            LeaseTaken: another one holds it, or did when it was last seen.
            KubeError: the outcome is unknown.
        """
        async with self._one_try():
            lease = self._held or await self._read()
            if self.holder not in ("", self.identity):
                raise LeaseTaken(self.holder)
            await self._claim(lease)

    async def release(self) -> None:
        """Give the Lease back, if it is ours; call it when nothing acts in its name any more.

        Raises:
            KubeError: it may still be ours; others then wait until it expires.
        """
        if not self._tried:
            return
        async with self._one_try():
            for tries_left in reversed(range(RELEASE_TRIES)):
                try:
                    await self._clear()
                    return
                except errors.Conflict:
                    # A renewal that was cut off has arrived after all.
                    self._held = None
                    if not tries_left:
                        raise

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    @asynccontextmanager
    async def _one_try(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._terms.timeout):
                yield
        except TimeoutError:
            self._held = None
            raise errors.ApiServerUnavailable(
                0, "Timeout", "no answer about the Lease in time"
            ) from None
        except BaseException:
            self._held = None
            raise

    async def _read(self) -> Lease | None:
        try:
            lease = await self._client.get(*self._path(), self._terms.name)
        except errors.ObjectNotFound:
            return None
        self._seen.note(lease, self._clock.monotonic())
        return lease

    def _held_by_another(self) -> bool:
        return self._seen.held_by_another(
            self.identity, self._clock.monotonic(), seconds=self._terms.duration
        )

    async def _claim(self, lease: Lease | None) -> None:
        terms, now = self._terms, self._clock.now()
        self._tried = True
        if lease is None:
            body = lease_record.created(
                terms.namespace, terms.name, self.identity, seconds=terms.duration, now=now
            )
            self._keep(await self._client.post(*self._path(), body=body))
        else:
            body = lease_record.claimed(lease, self.identity, seconds=terms.duration, now=now)
            self._keep(await self._put(body))

    async def _clear(self) -> None:
        lease = self._held or await self._read()
        if lease is not None and lease_record.holder(lease) == self.identity:
            await self._put(lease_record.cleared(lease, now=self._clock.now()))
        self._held, self._tried = None, False

    def _keep(self, lease: Lease) -> None:
        self._held = lease
        self._seen.note(lease, self._clock.monotonic())

    async def _put(self, lease: dict[str, Any]) -> Lease:
        return await self._client.put(*self._path(), self._terms.name, body=lease)

    def _path(self) -> tuple[str, ...]:
        group = "coordination.k8s.io"
        return "apis", group, "v1", "namespaces", self._terms.namespace, "leases"


def new_identity() -> str:
    """`<hostname>_<random>`, as client-go's programs have it."""
    return f"{socket.gethostname()}_{secrets.token_hex(8)}"
