"""Check the HTTP form of a request, and read its body within limits."""

import asyncio

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from gemini_operator.receiver.responses import Refused, Result
from gemini_operator.receiver.settings import Limits


def check_method(request: web.BaseRequest) -> None:
    """Check that the request is a POST of HTTP/1.0 or 1.1 without an upgrade.

    Raises:
        Refused: it is not.
    """
    if request.version not in (HttpVersion10, HttpVersion11):
        raise Refused(Result.MALFORMED)  # aiohttp serves a line without a version as HTTP/0.9
    if request.method != hdrs.METH_POST:
        raise Refused(Result.BAD_METHOD)
    if hdrs.UPGRADE in request.headers:
        raise Refused(Result.MALFORMED)  # aiohttp would treat the body as the other protocol's


def check_size(request: web.BaseRequest, limits: Limits) -> None:
    """Check the length and the encoding that the headers announce for the body.

    Raises:
        Refused: the body is too long, or compressed.
    """
    if (request.content_length or 0) > limits.body_bytes:
        raise Refused(Result.TOO_LARGE)
    encodings = ",".join(request.headers.getall(hdrs.CONTENT_ENCODING, []))
    if encodings.strip().lower() not in ("", "identity"):
        raise Refused(Result.ENCODED)


async def read_body(request: web.BaseRequest, limits: Limits) -> bytes:
    """Read the raw body.

    Raises:
        Refused: it is too long, too slow or malformed.
    """
    await _send_continue(request)
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                # A chunked body announces no length, so it is counted here too.
                if len(body) > limits.body_bytes:
                    raise Refused(Result.TOO_LARGE)
    except TimeoutError:
        raise Refused(Result.SLOW_BODY) from None
    except (web.RequestPayloadError, OSError):
        raise Refused(Result.MALFORMED) from None
    return bytes(body)


async def _send_continue(request: web.BaseRequest) -> None:
    """Send 100 Continue if the sender waits for it before the body (RFC 9110 §10.1.1)."""
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None or request.version == HttpVersion10:
        return
    if expectation.lower() != "100-continue":
        raise Refused(Result.BAD_EXPECTATION)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # the response itself has not begun
