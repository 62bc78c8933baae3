"""A candidate of the leader election: it acquires, renews and releases a Lease (P6).

The election of the package `kubernetes.aio` goes on leading after it has lost the Lease, so this
one is our own. Its fields and its use of clocks are those of client-go
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

# A renewal of our own that was given up may still arrive between two tries.
RELEASE_TRIES = 3


class LeaseTaken(errors.Conflict):
    """Another candidate holds the Lease."""

    def __init__(self, holder: str) -> None:
        super().__init__(409, "LeaseTaken", f"{holder} holds the Lease")


@dataclass(frozen=True)
class Terms:
    """The Lease, and its times.

    Args:
        namespace: of the Lease.
        name: of the Lease.
        duration: seconds for which others wait after the last renewal.
        timeout: seconds for one try, of one or two requests.
    """

    namespace: str
    name: str
    duration: int
    timeout: float


class Election:
    """One candidate for one Lease.

    Every write names the version it replaces. So of two writes at the same time one fails, and a
    late write changes nothing. After any failure the Lease is read before it is written again.

    Args:
        client: used for nothing else, so that a renewal never waits behind other requests.
        terms: the Lease.
        clock: tells when a Lease has expired.
        identity: differs for every process, also after a restart.
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
        """The holder of the Lease when it was last read; empty for none, or if not read yet."""
        return self._seen.holder

    async def acquire(self) -> bool:
        """Try once to acquire the Lease; return False while another process may still hold it.

        Raises:
            KubeError: the outcome is unknown, or another candidate was faster.
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
            LeaseTaken: another process holds it, or did when it was last read.
            KubeError: the outcome is unknown.
        """
        async with self._one_try():
            lease = self._held or await self._read()
            # Even an expired Lease of another holder: a leader that lost it must not take it back.
            if self.holder not in ("", self.identity):
                raise LeaseTaken(self.holder)
            await self._claim(lease)

    async def release(self) -> None:
        """Release the Lease, if it is ours. Call it once this process does nothing as leader.

        Raises:
            KubeError: the Lease may still be ours; the others wait until it expires.
        """
        # A process that never tried to acquire the Lease cannot hold it.
        if not self._tried:
            return
        async with self._one_try():
            for tries_left in reversed(range(RELEASE_TRIES)):
                try:
                    await self._clear()
                    return
                except errors.Conflict:
                    # A renewal that was given up has reached the API server after all.
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
            # Its version may be old by now, so the next try reads the Lease first.
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
        # Before the request: it may succeed although its answer is lost.
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
    """Return `<hostname>_<random>`, the form that client-go's programs use."""
    return f"{socket.gethostname()}_{secrets.token_hex(8)}"
