import asyncio
import contextlib
import gzip
import logging

import pytest

from gemini_operator.receiver.settings import Limits
from tests.waiting import eventually_async

from .conftest import BODY, QUICK, Edge, read_reply

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"
"""The start of a TLS connection."""

UNREACHED = 503
"""What a delivery earns that passed every check and found no API server."""


def untouched(edge: Edge) -> bool:
    return edge.writes == 0 and edge.fetches == 0


async def test_a_good_delivery_reaches_the_api_server(edge: Edge) -> None:
    reply = await edge.send(edge.delivery())
    assert reply.status == UNREACHED
    assert reply.headers["retry-after"] == "5"
    assert (edge.writes, edge.fetches) == (1, 1)


@pytest.mark.row(1)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "TRACE", "DELETE", "PATCH"])
async def test_only_post_is_allowed(edge: Edge, method: str) -> None:
    reply = await edge.send(edge.head(method=method))
    assert reply.status == 405
    assert reply.headers["allow"] == "POST"
    assert untouched(edge)


@pytest.mark.row(3, 4, 5, 7)
@pytest.mark.parametrize(
    "spell",
    [
        lambda path: path.replace("/default/", "/d%65fault/"),
        lambda path: path.replace("/default/", "/default%2F/"),
        lambda path: path.replace("/default/", "/default;x/"),
        lambda path: path.replace("/default/", "/../"),
        lambda path: path.replace("/default/", "/%2e%2e/"),
        lambda path: path.replace("/default/", "//default/"),
        lambda path: path.replace("/default/", "/def%00ault/"),
        lambda path: path.replace("/default/", "/def%ffault/"),
        lambda path: path.replace("/default/", "/Default/"),
        lambda path: path.replace("/default/", "/d%d0%b5fault/"),
        lambda path: path.replace("/classify-reviews/", f"/{'a' * 254}/"),
        lambda path: path.replace("/default/", "/kube-system/"),
        lambda path: path.replace("geminibatchjobs", "geminicronjobs"),
        lambda path: path + "/",
        lambda path: path[:-1],
        lambda path: path[:-32] + "0" * 32,
        lambda path: "http://receiver" + path,
        lambda path: "https://receiver:8080" + path,
        lambda _: "/",
        lambda _: "/v1/callbacks/",
        lambda _: "/healthz",
        lambda _: "/metrics",
    ],
)
async def test_s17_any_other_form_of_an_address_is_unknown(edge: Edge, spell: object) -> None:
    assert callable(spell)
    reply = await edge.send(edge.delivery(path=spell(edge.path)))
    assert (reply.status, reply.body) == (404, b"Not Found\n")
    assert untouched(edge)


@pytest.mark.row(7)
@pytest.mark.parametrize("raw", [b"\xc3\xa9" * 16, b"\xff" * 32, b"\xd9\xa3" * 16])
async def test_s17_a_token_outside_ascii_is_unknown_or_malformed(edge: Edge, raw: bytes) -> None:
    request = edge.delivery().replace(edge.token.encode(), raw)
    assert (await edge.send(request)).status in (400, 404)
    assert untouched(edge)


@pytest.mark.row(8)
async def test_a_query_is_ignored(edge: Edge) -> None:
    assert (await edge.send(edge.delivery(path=edge.path + "?a=%61;b"))).status == UNREACHED


@pytest.mark.row(9, 10)
@pytest.mark.parametrize("length", [64 * 1024 + 1, 10_000_000_000])
async def test_an_announced_length_is_refused_before_the_body(edge: Edge, length: int) -> None:
    lines = [*edge.signed(), f"Content-Length: {length}"]
    reply = await edge.send(edge.head(*lines) + b"0123456789")
    assert reply.status == 413
    assert untouched(edge)


async def test_a_body_of_the_greatest_size_is_read(edge: Edge) -> None:
    assert (await edge.send(edge.delivery(body=b"x" * 64 * 1024))).status == UNREACHED


@pytest.mark.row(11)
async def test_chunks_beyond_the_greatest_size_are_refused(edge: Edge) -> None:
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
    head = edge.head(*edge.signed(), "Transfer-Encoding: chunked")
    assert (await edge.send(head, *[chunk] * 17)).status == 413
    assert untouched(edge)


async def test_a_chunked_body_is_read(edge: Edge) -> None:
    head = edge.head(*edge.signed(), "Transfer-Encoding: chunked")
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert (await edge.send(head + chunks)).status == UNREACHED


@pytest.mark.row(12, 15)
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "x", "identity, gzip"])
async def test_a_compressed_body_is_refused_unread(edge: Edge, encoding: str) -> None:
    body = gzip.compress(b" " * 10_000_000)
    reply = await edge.send(edge.delivery(f"Content-Encoding: {encoding}", body=body))
    assert reply.status == 415
    assert untouched(edge)


@pytest.mark.row(14)
async def test_broken_gzip_is_refused_unread(edge: Edge) -> None:
    broken = b"\x1f\x8b\x08\x00" + BODY
    assert (await edge.send(edge.delivery("Content-Encoding: gzip", body=broken))).status == 415
    assert untouched(edge)


@pytest.mark.row(16)
@pytest.mark.parametrize("line", ["Content-Encoding: identity", "Content-Encoding: Identity"])
async def test_identity_is_no_encoding(edge: Edge, line: str) -> None:
    assert (await edge.send(edge.delivery(line))).status == UNREACHED


@pytest.mark.row(29)
@pytest.mark.parametrize("line", ["Content-Type: text/html", "Content-Type: ;;;", "X-Other: 1"])
async def test_unsigned_headers_do_not_matter(edge: Edge, line: str) -> None:
    assert (await edge.send(edge.delivery(line))).status == UNREACHED


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("Transfer-Encoding: chunked", marks=pytest.mark.row(17)),
        *(
            pytest.param(line, marks=pytest.mark.row(18))
            for line in (
                f"Content-Length: {len(BODY)}",
                "Content-Length: 3",
                "Content-Length: +2",
                "Transfer-Encoding: xchunked",
                "Transfer-Encoding: chunked, identity",
            )
        ),
        *(
            pytest.param(line, marks=pytest.mark.row(19))
            for line in (
                "X-Name : space",
                "X-Name: a\r\n folded",
                "X-Name: a\nX-Other: b",
                "X-Name: a\x00b",
            )
        ),
        *(
            pytest.param(line, marks=pytest.mark.row(20))
            for line in (
                "Upgrade: websocket\r\nConnection: Upgrade",
                "Upgrade: h2c\r\nConnection: Upgrade",
            )
        ),
        *(
            pytest.param(line, marks=pytest.mark.row(22))
            for line in (
                "X-Name: " + "a" * 9000,
                "\r\n".join(f"X-{number}: 1" for number in range(200)),
            )
        ),
    ],
)
async def test_s16_what_is_no_proper_http_gets_constant_words(edge: Edge, line: str) -> None:
    reply = await edge.send_last(edge.delivery(line))
    assert (reply.status, reply.body) == (400, b"Bad Request\n")
    assert untouched(edge)


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"post PATH HTTP/1.1\r\nHost: x\r\n\r\n", marks=pytest.mark.row(2)),
        b"POST PATH\r\n\r\n",
        b"GET PATH\r\n\r\n",
        b"POST PATH HTTP/2.0\r\nHost: x\r\n\r\n",
        b"POST PATH HTTP/1.1 extra\r\nHost: x\r\n\r\n",
        pytest.param(b"POST PATH HTTP/1.1\r\n\r\n", marks=pytest.mark.row(28)),
        b"POST PATH" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST \x00PATH HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PATH\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nPATH\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nPATH: \x00\r\n\r\n",
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", marks=pytest.mark.row(28)),
        pytest.param(CLIENT_HELLO, marks=pytest.mark.row(28)),
    ],
)
async def test_s16_a_malformed_request_is_neither_echoed_nor_logged(
    edge: Edge,
    request_bytes: bytes,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    reply = await edge.send_last(request_bytes.replace(b"PATH", edge.path.encode()))
    assert (reply.status, reply.body) == (400, b"Bad Request\n")
    assert untouched(edge)
    shown = "".join(capfd.readouterr()) + caplog.text
    assert edge.token not in shown
    assert "Traceback" not in shown
    assert "malformed" in shown


@pytest.mark.row(21)
async def test_pipelined_deliveries_are_answered_in_order(edge: Edge) -> None:
    bad = edge.delivery().replace(b"webhook-id", b"webhook-ix")
    replies = await edge.exchange(edge.delivery() + bad + edge.delivery(), replies=3)
    assert [reply.status for reply in replies] == [UNREACHED, 400, UNREACHED]
    assert edge.writes == 2


@pytest.mark.row(27)
async def test_who_waits_to_be_asked_for_the_body_is_asked(edge: Edge) -> None:
    async with edge.awaiting_body() as (reader, writer):
        writer.write(BODY)
        assert (await read_reply(reader)).status == UNREACHED


async def test_a_refused_request_is_not_asked_for_its_body(edge: Edge) -> None:
    lines = ["Content-Length: 100000", "Expect: 100-continue"]
    assert (await edge.send(edge.head(*edge.signed(), *lines))).status == 413


@pytest.mark.row(27)
async def test_any_other_expectation_fails(edge: Edge) -> None:
    assert (await edge.send(edge.delivery("Expect: a-miracle"))).status == 417
    assert untouched(edge)


@pytest.mark.row(28)
async def test_http_1_0_is_answered(edge: Edge) -> None:
    request = edge.delivery("Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert (await edge.send(request)).status == UNREACHED


async def test_a_broken_chunk_is_malformed(edge: Edge) -> None:
    head = edge.head(*edge.signed(), "Transfer-Encoding: chunked")
    assert (await edge.send(head + b"zz\r\n")).status == 400
    assert untouched(edge)


@pytest.mark.row(30)
async def test_who_leaves_early_causes_nothing(edge: Edge) -> None:
    async with edge.connection() as (_, writer):
        writer.write(edge.delivery()[:-5])
        await writer.drain()
    await edge.server.close()
    assert untouched(edge)


@pytest.mark.row(23)
@pytest.mark.parametrize("limits", [QUICK])
async def test_a_slow_body_is_given_up(edge: Edge, limits: Limits) -> None:
    del limits
    assert (await edge.send(edge.delivery()[:-5])).status == 408
    assert untouched(edge)


@pytest.mark.row(23)
@pytest.mark.parametrize("limits", [QUICK])
async def test_a_body_that_trickles_in_is_given_up(edge: Edge, limits: Limits) -> None:
    del limits
    async with edge.connection() as (reader, writer):
        writer.write(edge.delivery()[: -len(BODY)])
        reply = asyncio.create_task(read_reply(reader))
        for byte in BODY[:-1]:
            writer.write(bytes([byte]))
            await asyncio.wait([reply], timeout=0.02)
            if reply.done():
                break
        assert (await reply).status == 408
    assert untouched(edge)


@pytest.mark.row(24)
@pytest.mark.parametrize("limits", [QUICK])
@pytest.mark.parametrize("start", [b"", b"POST /v1/callb", b"POST / HTTP/1.1\r\nHost: x\r\nX-"])
async def test_s20_a_connection_without_a_whole_head_is_closed(
    edge: Edge, limits: Limits, start: bytes
) -> None:
    del limits
    async with edge.connection() as (reader, writer):
        writer.write(start)
        assert await reader.read() == b""


@pytest.mark.row(24)
@pytest.mark.parametrize("limits", [QUICK])
async def test_s20_bytes_that_trickle_in_do_not_keep_a_connection(
    edge: Edge, limits: Limits
) -> None:
    del limits
    async with edge.connection() as (reader, writer):
        closed = asyncio.create_task(reader.read())
        for byte in edge.delivery():
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait([closed], timeout=0.02)
            if done:
                break
        assert closed.done()
        # A byte that came too late is answered with a reset.
        with contextlib.suppress(ConnectionResetError):
            assert await closed == b""


@pytest.mark.row(25)
@pytest.mark.parametrize("limits", [QUICK])
async def test_an_idle_connection_is_closed_after_its_answer(edge: Edge, limits: Limits) -> None:
    del limits
    async with edge.connection() as (reader, writer):
        writer.write(edge.head(path="/"))
        assert (await read_reply(reader)).status == 404
        assert await reader.read() == b""


@pytest.mark.row(26)
@pytest.mark.parametrize("limits", [Limits(in_flight=1, response_seconds=1.0)])
async def test_more_deliveries_at_once_than_allowed_are_sent_away(
    edge: Edge, limits: Limits
) -> None:
    del limits
    edge.api_hangs = True
    async with edge.connection() as (reader, writer):
        writer.write(edge.delivery())
        await eventually_async(lambda: edge.writes == 1, what="the delivery to reach the API")
        assert (await edge.send(edge.delivery())).status == 503
        assert edge.writes == 1
        assert (await read_reply(reader)).status == UNREACHED
    edge.api_hangs = False
    await edge.send(edge.delivery())
    assert edge.writes == 2


@pytest.mark.parametrize("limits", [Limits(in_flight=1)])
async def test_s20_a_body_that_is_not_there_takes_no_place(edge: Edge, limits: Limits) -> None:
    del limits
    async with edge.awaiting_body() as (reader, writer):
        await edge.send(edge.delivery())
        assert edge.writes == 1
        writer.write(BODY)
        await read_reply(reader)
    assert edge.writes == 2


@pytest.mark.row(117)
async def test_closing_finishes_what_was_accepted_and_refuses_the_rest(edge: Edge) -> None:
    def accepting() -> bool:
        return edge.server.accepting

    async with edge.awaiting_body() as (reader, writer):
        assert accepting()
        closing = asyncio.create_task(edge.server.close())
        await asyncio.sleep(0)
        assert not accepting()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", edge.server.port)
        writer.write(BODY)
        reply = await read_reply(reader)
        await closing
    assert reply.status == UNREACHED
    assert reply.headers["connection"] == "close"
    assert edge.writes == 1


@pytest.mark.parametrize("limits", [Limits(drain_seconds=0.1, linger_seconds=0.1)])
async def test_closing_does_not_wait_for_ever(edge: Edge, limits: Limits) -> None:
    del limits
    edge.api_hangs = True
    async with edge.connection() as (reader, writer):
        writer.write(edge.delivery())
        await eventually_async(lambda: edge.writes == 1, what="the delivery to reach the API")
        async with asyncio.timeout(3):
            await edge.server.close()
        assert await reader.read() == b""
