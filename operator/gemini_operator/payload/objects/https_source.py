"""Reads `https://` objects from public addresses only (S9).

It uses httpcore2 itself: that has no redirects, proxies, cookies, authentication or decompression,
so none of these has to be switched off.
"""

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore2

from gemini_operator.payload.objects import errors
from gemini_operator.payload.objects.addresses import AddressPolicy
from gemini_operator.payload.objects.body import Body
from gemini_operator.payload.objects.credentials import HttpsCredentials
from gemini_operator.payload.objects.location import HttpsLocation

PORT = 443
CONNECT_TIMEOUT = 10.0
SILENCE_TIMEOUT = 30.0
"""Seconds without a byte of an answer."""
ADDRESSES_TRIED = 4
"""Of a host that has more addresses, only the first ones are connected to."""

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_LENGTH = re.compile(r"\d{1,18}")

# Tenants choose the names, and their servers may not answer for a minute. In the event loop's own
# threads such lookups would keep Google and the API server from being found (S10).
# Four copies may each leave one behind every ten seconds, so there are enough for other names too.
_LOOKUPS = ThreadPoolExecutor(32, thread_name_prefix="lookup")

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the addresses of a host."""
Connect = Callable[[str, float | None], Awaitable[httpcore2.AsyncNetworkStream]]
"""Connects to port 443 of an address, within some seconds."""


class HttpsClient:
    """Reads objects, each over a connection of its own.

    Args:
        policy: the addresses that connections may go to.
        ssl_context: verifies servers; by default with the certificates of the system.
        resolve: for tests.
        connect: for tests.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        ssl_context: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        connect: Connect | None = None,
    ) -> None:
        self._ssl_context = ssl_context or ssl.create_default_context()
        self._backend = _CheckedBackend(policy, resolve or _resolve, connect or _connect)

    def reader(
        self, location: HttpsLocation, credentials: HttpsCredentials | None
    ) -> "HttpsReader":
        """Return a way to read one object.

        Raises:
            NotAllowed: the credentials are not for the location's host.
        """
        headers = {} if credentials is None else _authorization(location, credentials)
        return HttpsReader(location, headers, self._pool)

    def _pool(self) -> httpcore2.AsyncConnectionPool:
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._ssl_context,
            max_connections=1,
            retries=0,
            network_backend=self._backend,
        )


class HttpsReader:
    """Reads one object."""

    def __init__(
        self,
        location: HttpsLocation,
        headers: Mapping[str, str],
        pool: Callable[[], httpcore2.AsyncConnectionPool],
    ) -> None:
        self._location = location
        self._headers = headers
        self._pool = pool

    async def open(self, offset: int = 0, etag: str | None = None) -> Body:
        """Request the object from a byte on, if it still has the ETag; see `Reader`."""
        request = self._request(offset, etag)
        async with contextlib.AsyncExitStack() as stack:
            pool = self._pool()
            stack.push_async_callback(pool.aclose)
            try:
                response = await pool.handle_async_request(request)
            except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
                raise self.failure(error) from None
            stack.push_async_callback(response.aclose)
            headers = _headers(response)
            size = self._size(response.status, headers, offset)
            return Body(size, headers.get("etag"), _pieces(response), stack.pop_all().aclose)

    def failure(self, error: Exception) -> errors.ObjectError:
        """Return what an exception of httpcore2 means."""
        return errors.of_connection(error, str(self._location))

    def _request(self, offset: int, etag: str | None) -> httpcore2.Request:
        headers = {
            "host": self._location.host,
            "accept": "*/*",
            "accept-encoding": "identity",
            "user-agent": "gemini-operator",
            **self._headers,
        }
        if etag is not None:
            headers["if-match"] = etag
        if offset:
            headers["range"] = f"bytes={offset}-"
        host, target = self._location.host.encode(), self._location.target.encode()
        timeout = {
            "connect": CONNECT_TIMEOUT,
            "pool": CONNECT_TIMEOUT,
            "read": SILENCE_TIMEOUT,
            "write": SILENCE_TIMEOUT,
        }
        return httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=b"https", host=host, port=PORT, target=target),
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            extensions={"timeout": timeout},
        )

    def _size(self, status: int, headers: Mapping[str, str], offset: int) -> int | None:
        """Check the head of an answer, and return the size of the whole object.

        Raises:
            ObjectError: it is not the object.
        """
        if status not in (200, 206):
            raise errors.of_status(status, str(self._location))
        if headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
            raise errors.InvalidReference(
                f"{self._location} is compressed by its server (Content-Encoding), although that "
                "was not asked for: serve it as it is"
            )
        if not {"content-length", "transfer-encoding"} & headers.keys():
            # Such a body ends with its connection. One that breaks off between two lines would look
            # like a whole file, and what is left of it would be paid for.
            raise errors.InvalidReference(
                f"{self._location} is served without its length, so nobody can tell whether it is "
                "whole: let its server send Content-Length"
            )
        if (status == 206) is not bool(offset):
            raise errors.Unavailable(
                f"{self._location} broke off, and its server cannot continue in its middle"
            )
        if status == 200:
            length = headers.get("content-length", "")
            return int(length) if _LENGTH.fullmatch(length) else None
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if found is None or int(found[1]) != offset:
            raise errors.SourceChanged(
                f"{self._location} was answered with another part than was asked for; it is read again from the beginning"
            )
        return None if found[3] == "*" else int(found[3])


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that were checked, again for every connection.

    The name is resolved here and once only, so it cannot have another address a moment later.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve, connect: Connect) -> None:
        self._policy = policy
        self._resolve = resolve
        self._connect = connect

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        del local_address, socket_options
        if port != PORT:
            raise errors.NotAllowed(f"only port {PORT} of {host} may be connected to")
        addresses = await self._addresses(host, timeout)
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                stream = await self._connect(address, timeout)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                continue
            await self._check_peer(stream, address, host)
            return stream
        raise failure

    async def _addresses(self, host: str, seconds: float | None) -> list[str]:
        """Return the addresses of a host, all of which were checked.

        Raises:
            NotAllowed: one of them must not be connected to.
            Unavailable: DNS does not know the host, or does not answer.
        """
        found = [host] if _is_address(host) else await self._lookup(host, seconds)
        return [self._policy.check(address, host) for address in found]

    async def _lookup(self, host: str, seconds: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(seconds):
                found = await self._resolve(host)
        except (OSError, UnicodeError) as error:
            raise errors.of_lookup(error, host) from None
        if not found:
            raise errors.of_lookup(None, host)
        return found

    async def _check_peer(
        self, stream: httpcore2.AsyncNetworkStream, address: str, host: str
    ) -> None:
        """Make sure that the connection goes where it was meant to go."""
        peer = stream.get_extra_info("server_addr")
        if not peer or str(peer[0]) != address:
            await stream.aclose()
            raise errors.NotAllowed(
                f"the connection to {host} went to another address than the one that was checked"
            )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _resolve(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    look = partial(socket.getaddrinfo, host, PORT, type=socket.SOCK_STREAM)
    found = await loop.run_in_executor(_LOOKUPS, look)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _connect(address: str, seconds: float | None) -> httpcore2.AsyncNetworkStream:
    return await httpcore2.AnyIOBackend().connect_tcp(address, PORT, timeout=seconds)


def _authorization(location: HttpsLocation, credentials: HttpsCredentials) -> dict[str, str]:
    credentials.check_host(location.host)
    if credentials.token is not None:
        return {"authorization": f"Bearer {credentials.token.get_secret_value()}"}
    user, password = credentials.username, credentials.password
    if user is None or password is None:
        raise errors.InvalidReference(f"Secret {credentials.secret} has no credentials for https")
    both = f"{user.get_secret_value()}:{password.get_secret_value()}"
    return {"authorization": f"Basic {base64.b64encode(both.encode()).decode()}"}


def _headers(response: httpcore2.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
    }


async def _pieces(response: httpcore2.Response) -> AsyncIterator[bytes]:
    async for piece in response.aiter_stream():
        yield piece
        # One read of the socket may have thousands of chunks of a byte, and nothing waits between
        # them: other jobs would stand still for a second (S10).
        await asyncio.sleep(0)
