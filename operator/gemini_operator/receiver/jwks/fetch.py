"""Fetch the key set over HTTP."""

import aiohttp

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.keys import KeySet

# A delivery may wait for a fetch, and its response has to come within five seconds.
TIMEOUT_SECONDS = 2.0
# Of a key set, whose keys have less than a kilobyte each.
MAX_BYTES = 256 * 1024


class JwksFetcher:
    """Gets the key set of one URL, without redirects, proxies or cookies, up to a size."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._url = url
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self) -> KeySet:
        """Fetch the published keys.

        Raises:
            JwksError: there was no usable answer.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), timeout=self._timeout
            )
        try:
            async with self._session.get(
                self._url,
                allow_redirects=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as response:
                if response.status != 200:
                    raise JwksError(f"the answer's status is {response.status}")
                return parse(await _read(response))
        except TimeoutError:
            raise JwksError("no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise JwksError(f"no connection: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise JwksError(f"the answer is longer than {MAX_BYTES} bytes")
    return bytes(body)
