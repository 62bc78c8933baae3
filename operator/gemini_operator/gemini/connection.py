"""The connection to Google with one API key, for the SDK and for our own reads."""

import asyncio
import math
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import httpx2
from pydantic import SecretStr

from gemini_operator.base.gunzip import Gunzip, NotGzip
from gemini_operator.base.nesting import Undecodable
from gemini_operator.gemini import classify, documents, errors
from gemini_operator.gemini.classify import Answer
from gemini_operator.gemini.pool import Pool
from gemini_operator.gemini.settings import GeminiSettings
from gemini_operator.gemini.transport import Exchange, GuardedTransport, on_terms

API_VERSION = "v1beta"
"""The API version whose batches and webhooks Google documents."""

_PIECE = 2**20
_LIMITS = httpx2.Limits(max_connections=32, max_keepalive_connections=4, keepalive_expiry=30.0)


class GeminiConnection:
    """A bounded connection pool to one origin, with one API key.

    Args:
        key: sent with every request.
        settings: the address, and the timeouts.
        ssl_context: shared by all connections, since creating one takes time.
        may_send: called before the first byte of every request that may change something.

    Attributes:
        upload_url: where uploads to the File API begin.
    """

    def __init__(
        self,
        key: SecretStr,
        settings: GeminiSettings,
        ssl_context: ssl.SSLContext,
        may_send: Callable[[], bool] | None = None,
    ) -> None:
        self._key = key
        self._settings = settings
        self._root = _root(settings)
        self.upload_url = f"{_base(settings)}/upload/{API_VERSION}/files"
        self._pool = Pool(lambda: _connect(settings, ssl_context))
        self.http = httpx2.AsyncClient(
            transport=GuardedTransport(settings.origin, self._pool, may_send),
            # A redirect would carry the API key to another host (S21).
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(settings.timeout),
            headers={"accept-encoding": "gzip", "user-agent": "gemini-operator"},
            # No cookies: no answer may influence a later request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that no message may contain."""
        return (self._key.get_secret_value(),)

    async def read(
        self,
        path: str,
        *,
        call: str,
        params: Mapping[str, str] | None = None,
        limit: int | None = None,
    ) -> dict[str, object]:
        """GET one JSON object.

        Args:
            path: a resource name whose grammar was checked, such as `batches/abc`.
            call: for messages, such as `batches.get`.
            params: the query.
            limit: bytes of the answer, if the caller handles a larger one.

        Raises:
            errors.TooLarge: the answer exceeds `limit`.
            errors.GeminiError: any kind except `Ambiguous`, as a read can be repeated.
        """
        seconds = self._settings.timeout
        exchange = Exchange(limit=limit)
        request = self._request(path, params, seconds)
        answer = await self.exchange(
            lambda: self.http.send(request), exchange, call=call, seconds=seconds
        )
        try:
            return documents.parse(answer.body)
        except Undecodable as error:
            raise errors.Unavailable(f"{call}: Google's answer is {error}", status=200) from None

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | AsyncIterator[bytes],
        call: str,
        seconds: float,
        with_key: bool = False,
    ) -> Answer:
        """POST bytes, and return Google's 200 answer unparsed.

        Args:
            url: any; a request to another address than Google's is not sent.
            headers: of the request.
            content: its body; a stream needs a content-length among the headers.
            call: for messages, such as `files.upload`.
            seconds: for the whole call.
            with_key: send the API key.

        Raises:
            errors.GeminiError: see `classify`.
        """
        key = {"x-goog-api-key": self._key.get_secret_value()} if with_key else {}

        def send() -> Awaitable[object]:
            request = self.http.build_request(
                "POST", url, headers={**headers, **key}, content=content, timeout=seconds
            )
            return self.http.send(request)

        return await self.exchange(send, Exchange(), call=call, seconds=seconds)

    async def exchange(
        self,
        send: Callable[[], Awaitable[object]],
        exchange: Exchange,
        *,
        call: str,
        seconds: float,
        creating: bool = False,
    ) -> Answer:
        """Make one call, the SDK's or our own, and return Google's 200 answer unparsed.

        The SDK gets an empty answer instead, and its result is ignored. It would lack members, and
        the SDK would raise for a member it does not accept although the call was done.

        Args:
            send: makes the call.
            exchange: its terms; gets the answer.
            call: for messages, such as `batches.create`.
            seconds: for the whole call.
            creating: a repetition could create a second, paid batch.

        Raises:
            errors.GeminiError: see `classify`.
        """
        # The timeout is around everything: the SDK's own one is for each step of a request.
        failure: Exception | None = None
        try:
            async with asyncio.timeout(seconds):
                with on_terms(exchange):
                    await send()
        except Exception as error:  # noqa: BLE001 - what libraries raise is classified, all of it
            failure = error
        # An answer counts even if the SDK raised after it.
        if exchange.answer is None:
            raise self._failed(failure, exchange, call, creating=creating)
        if exchange.answer.status != 200:
            raise classify.of_answer(
                exchange.answer, call=call, creating=creating, secrets=self.secrets
            )
        return exchange.answer

    @asynccontextmanager
    async def stream(
        self, path: str, *, call: str, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """GET a body in pieces of at most 1 MiB; each piece has its own timeout.

        Args:
            path: a resource name whose grammar was checked.
            call: for messages.
            params: the query.

        Raises:
            errors.GeminiError: any kind except `Ambiguous`, as a read can be repeated.
        """
        exchange = Exchange(stream=True)
        request = self._request(path, params, self._settings.timeout)
        try:
            with on_terms(exchange):
                response = await self.http.send(request, stream=True)
        except (errors.GeminiError, httpx2.HTTPError, OSError) as error:
            raise self._failed(error, exchange, call, creating=False) from None
        try:
            if exchange.answer is not None:
                raise classify.of_answer(exchange.answer, call=call, secrets=self.secrets)
            async with aclosing(_pieces(response, call)) as pieces:
                yield pieces
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close the connections once no request is under way."""
        await self._pool.retire()

    def _request(
        self, path: str, params: Mapping[str, str] | None, seconds: float
    ) -> httpx2.Request:
        return self.http.build_request(
            "GET",
            f"{self._root}/{quote(path, safe='/:')}",
            params=params,
            headers={
                "x-goog-api-key": self._key.get_secret_value(),
                # Google's front end waits this long for the service behind it.
                "x-server-timeout": str(math.ceil(seconds)),
            },
            timeout=seconds,
        )

    def _failed(
        self, error: Exception | None, exchange: Exchange, call: str, *, creating: bool
    ) -> errors.GeminiError:
        if isinstance(error, errors.GeminiError) and not exchange.started:
            return error
        # The SDK refused the arguments, or made no request at all: nothing was sent.
        if error is None or not exchange.started:
            what = type(error).__name__ if error else "nothing was sent"
            return errors.Rejected(f"{call}: the request could not be made ({what})")
        return classify.of_exception(error, call=call, creating=creating, secrets=self.secrets)


async def _pieces(response: httpx2.Response, call: str) -> AsyncGenerator[bytes, None]:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    # httpx2 would take an answer that is cut off for a whole one.
    gunzip = Gunzip() if encoding == "gzip" else None
    try:
        if encoding == "deflate":
            raise httpx2.DecodingError("an encoding that was not asked for")
        async for piece in response.aiter_raw(chunk_size=_PIECE):
            for part in (piece,) if gunzip is None else gunzip.feed(piece):
                yield part
        if gunzip is not None:
            gunzip.finish()
    except NotGzip as error:
        broken = httpx2.DecodingError(str(error))
        raise classify.of_exception(broken, call=call) from None
    except (httpx2.HTTPError, OSError) as error:
        raise classify.of_exception(error, call=call) from None


def _root(settings: GeminiSettings) -> str:
    """Return the URL under which all resources are; its parts are parsed once, not at each read."""
    return f"{_base(settings)}/{API_VERSION}"


def _base(settings: GeminiSettings) -> str:
    scheme, host, port = settings.origin
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}:{port}{settings.path_prefix}"


def _connect(settings: GeminiSettings, ssl_context: ssl.SSLContext) -> httpx2.AsyncHTTPTransport:
    return httpx2.AsyncHTTPTransport(
        verify=ssl_context,
        trust_env=False,
        limits=_LIMITS,
        proxy=_proxy(settings),
    )


def _proxy(settings: GeminiSettings) -> str | None:
    """Return the environment's proxy for the origin, if the flag allows proxies (S21)."""
    scheme, host, port = settings.origin
    if not settings.trust_env or proxy_bypass(f"{host}:{port}"):
        return None
    proxies = getproxies()
    return proxies.get(scheme) or proxies.get("all")
