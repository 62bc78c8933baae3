import pytest

from gemini_operator.base.metrics import RECEIVER
from gemini_operator.receiver.access_log import PER_ADDRESS
from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.settings import Limits
from tests.deliveries import SecretSigner, Signer, TokenSigner, encoded, envelope, jwks
from tests.waiting import eventually_async

from .conftest import BODY, SECRET, SIGNER, STATIC, TARGET, Edge, read_reply

UNREACHED = 503
"""What a delivery earns that passed every check and found no API server."""

STRANGER = Signer(b"\x09" * 32)


def forged(edge: Edge, body: bytes = BODY) -> bytes:
    lines = [
        f"{name}: {value}"
        for name, value in STRANGER.headers(body, timestamp=int(edge.now)).items()
    ]
    return edge.head(*lines, f"Content-Length: {len(body)}") + body


def with_signature(edge: Edge, signature: str) -> bytes:
    lines = [line for line in edge.signed() if not line.startswith("webhook-signature")]
    length = f"Content-Length: {len(BODY)}"
    return edge.head(*lines, length, f"webhook-signature: {signature}") + BODY


def counted(result: str, scheme: str = "none") -> float:
    value = RECEIVER.get_sample_value(
        "gemini_operator_receiver_requests_total", {"result": result, "scheme": scheme}
    )
    return value or 0.0


@pytest.mark.row(31)
@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_each_of_the_three_headers_is_needed(edge: Edge, missing: str) -> None:
    lines = [line for line in edge.signed() if not line.startswith(missing)]
    assert (await edge.send(edge.head(*lines, "Content-Length: 0"))).status == 400
    assert (edge.writes, edge.fetches) == (0, 0)


@pytest.mark.row(40)
@pytest.mark.parametrize(
    ("offset", "status"),
    [(-301, 400), (-300, UNREACHED), (-299, UNREACHED), (300, UNREACHED), (301, 400)],
)
async def test_a_stale_attempt_is_refused_before_its_signature_is_checked(
    edge: Edge, offset: int, status: int
) -> None:
    lines = edge.signed(timestamp=int(edge.now) + offset)
    reply = await edge.send(edge.head(*lines, f"Content-Length: {len(BODY)}") + BODY)
    assert reply.status == status
    assert (edge.writes, edge.fetches) == ((0, 0) if status == 400 else (1, 1))


@pytest.mark.row(43, 48, 56, 77)
@pytest.mark.parametrize(
    "signature", ["v1a,", "v1a", "v1,AAAA", "v2,AAAA", "v1a,AAAA", "a.b.c", "v1a,é", "x " * 15]
)
async def test_a_signature_that_no_key_can_match_needs_no_keys(edge: Edge, signature: str) -> None:
    edge.published = JwksError("unreachable")
    reply = await edge.send(with_signature(edge, signature))
    assert (reply.status, reply.body) == (401, b"Unauthorized\n")
    assert (edge.writes, edge.fetches) == (0, 0)


async def test_s20_a_forged_signature_is_refused_once_the_newest_keys_are_known(
    edge: Edge,
) -> None:
    assert (await edge.send(forged(edge))).status == 401
    assert edge.fetches == 2
    reply = await edge.send(forged(edge))
    assert reply.status == 503
    assert 1 <= int(reply.headers["retry-after"]) <= 30
    assert (edge.writes, edge.fetches) == (0, 2)


@pytest.mark.parametrize("signature", ["v1,AAAA", "v1a,!!", "v1a,AAAA", "a.b.c"])
async def test_s20_a_signature_that_no_key_can_match_is_refused_before_the_body(
    edge: Edge, signature: str
) -> None:
    whole = with_signature(edge, signature)
    assert (await edge.send(whole[: -len(BODY)])).status == 401


@pytest.mark.row(122)
@pytest.mark.parametrize("limits", [Limits(in_flight=1)])
async def test_s20_forgeries_that_wait_for_newer_keys_take_no_place(
    edge: Edge, limits: Limits
) -> None:
    del limits
    await edge.send(edge.delivery())
    edge.fetch_hangs = True
    async with edge.connection() as (_, writer):
        for _ in range(2):
            writer.write(forged(edge))
        await eventually_async(lambda: edge.fetches == 2, what="the forgery to wait for keys")
        await edge.send(edge.delivery())
    assert edge.writes == 2


@pytest.mark.parametrize("limits", [Limits(unverified_per_address=2)])
async def test_s20_the_oldest_unfinished_body_makes_room_for_the_newest(
    edge: Edge, limits: Limits
) -> None:
    del limits
    before = counted("evicted")
    async with edge.awaiting_body() as (oldest, _), edge.awaiting_body() as (reader, writer):
        await edge.send(edge.delivery())
        assert edge.writes == 1
        reply = await read_reply(oldest)
        assert (reply.status, reply.headers["connection"]) == (503, "close")
        writer.write(BODY)
        await read_reply(reader)
    assert edge.writes == 2
    assert counted("evicted") == before + 1


async def test_s20_lines_of_refused_deliveries_are_limited_and_their_number_is_told(
    edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = edge.head(*edge.signed(timestamp=1), "Content-Length: 0")
    before = counted("stale")
    for _ in range(50):
        await edge.send(refused)
    assert capsys.readouterr().out.count("result=stale") == PER_ADDRESS
    assert counted("stale") == before + 50


async def test_s20_forgeries_do_not_keep_out_google(edge: Edge) -> None:
    for _ in range(20):
        await edge.send(forged(edge))
    await edge.send(edge.delivery())
    assert edge.writes == 1


async def test_a_rotation_is_followed_within_the_delivery(edge: Edge) -> None:
    edge.published = parse(jwks(STRANGER))
    await edge.send(forged(edge))
    edge.published = parse(jwks(SIGNER))
    await edge.send(edge.delivery())
    assert (edge.writes, edge.fetches) == (2, 2)


@pytest.mark.row(121)
async def test_without_keys_nothing_is_decided(edge: Edge) -> None:
    edge.published = JwksError("the answer's status is 503")
    reply = await edge.send(edge.delivery())
    assert reply.status == 503
    assert reply.headers["retry-after"] == "1"
    assert edge.writes == 0


@pytest.mark.row(50)
@pytest.mark.parametrize("body", [BODY[:-1], BODY + b" ", b"", BODY.replace(b" ", b"")])
async def test_the_raw_bytes_are_what_is_signed(edge: Edge, body: bytes) -> None:
    request = edge.head(*edge.signed(BODY), f"Content-Length: {len(body)}") + body
    assert (await edge.send(request)).status == 401
    assert edge.writes == 0


@pytest.mark.row(81)
@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60_000, b'"text"'])
async def test_an_authentic_event_that_cannot_be_read_is_recorded_all_the_same(
    edge: Edge, body: bytes
) -> None:
    await edge.send(edge.delivery(body=body))
    assert edge.writes == 1


@pytest.mark.row(84)
@pytest.mark.parametrize("kind", ["interaction.completed", "video.generated", "webhooks.ping"])
async def test_an_event_of_another_family_is_acknowledged_and_not_recorded(
    edge: Edge, kind: str
) -> None:
    reply = await edge.send(edge.delivery(body=encoded(envelope(type=kind))))
    assert (reply.status, reply.body) == (200, b"OK\n")
    assert edge.writes == 0


@pytest.mark.row(100)
async def test_s14_the_writes_of_one_attempt_are_limited_after_the_signature(edge: Edge) -> None:
    for _ in range(20):
        await edge.send(forged(edge))
    replies = [await edge.send(edge.delivery()) for _ in range(11)]
    assert [reply.status for reply in replies] == [UNREACHED] * 10 + [429]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 6
    assert edge.writes == 10


@pytest.mark.parametrize("limits", [Limits(response_seconds=0.2)])
async def test_an_api_server_that_hangs_is_not_waited_for(edge: Edge, limits: Limits) -> None:
    del limits
    edge.api_hangs = True
    reply = await edge.send(edge.delivery())
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert edge.writes == 1


async def test_s16_a_fault_inside_says_nothing_of_the_request(
    edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    edge.published = RuntimeError(f"cannot serve {edge.path}")
    reply = await edge.send(edge.delivery())
    assert (reply.status, reply.body) == (503, b"Service Unavailable\n")
    shown = "".join(capsys.readouterr())
    assert "RuntimeError" in shown
    assert edge.token not in shown


@pytest.mark.row(101)
async def test_s16_the_log_names_the_job_and_never_the_address(
    edge: Edge, capsys: pytest.CaptureFixture[str]
) -> None:
    await edge.send(edge.delivery(path=f"{edge.path}?secret=query"))
    shown = "".join(capsys.readouterr())
    for expected in (TARGET.namespace, TARGET.name, TARGET.attempt, "v1a", "batch.succeeded"):
        assert expected in shown
    for hidden in (edge.token, "/v1/callbacks", "secret=query", "reviews-0123456789", "v1a,"):
        assert hidden not in shown


async def test_requests_are_counted_by_result_and_scheme(edge: Edge) -> None:
    def counts() -> list[float]:
        bad = counted("bad_signature", "v1a"), counted("bad_signature")
        return [counted("unavailable", "v1a"), *bad, counted("unknown_address")]

    before = counts()
    await edge.send(edge.delivery())
    await edge.send(forged(edge))
    await edge.send(edge.delivery(path="/v1/callbacks/x"))
    await edge.send(with_signature(edge, "v2,AAAA"))
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 1, 1]


TOKENS = TokenSigner()


def with_token(edge: Edge, signer: TokenSigner = TOKENS, /, **claims: int) -> bytes:
    at = int(edge.now)
    return with_signature(edge, signer.token({"iat": at, "exp": at + 300} | claims))


async def test_a_token_of_a_published_rsa_key_is_accepted(edge: Edge) -> None:
    edge.published = parse(jwks(SIGNER, TOKENS))
    before = counted("unavailable", "jwt")
    assert (await edge.send(with_token(edge))).status == UNREACHED
    assert edge.writes > 0
    assert counted("unavailable", "jwt") == before + 1


async def test_a_bad_token_beside_a_good_signature_does_no_harm(edge: Edge) -> None:
    token = TOKENS.token({"iat": 1, "exp": 2})
    (good,) = (line.split(": ")[1] for line in edge.signed() if "signature" in line)
    assert (await edge.send(with_signature(edge, f"{token} {good}"))).status == UNREACHED


@pytest.mark.row(68, 69, 79)
async def test_a_thousand_key_ids_cause_one_fetch(edge: Edge) -> None:
    """The first forgery may be a fresh rotation. While that is unknown the others have to wait."""
    await edge.send(edge.delivery())
    fetches, writes = edge.fetches, edge.writes
    replies = [
        await edge.send(with_token(edge, TokenSigner(kid=f"key-{number}", bits=1024)))
        for number in range(12)
    ]
    assert [reply.status for reply in replies] == [401, *[503] * 11]
    assert "retry-after" in replies[-1].headers
    assert (edge.fetches, edge.writes) == (fetches + 1, writes)


@pytest.mark.row(70)
@pytest.mark.parametrize("claims", [{"exp": 1}, {"iat": 9_999_999_999, "exp": 9_999_999_999}])
async def test_a_token_of_another_time_is_refused_and_causes_no_fetch(
    edge: Edge, claims: dict[str, int]
) -> None:
    edge.published = parse(jwks(TOKENS))
    await edge.send(with_token(edge))
    before = edge.fetches, edge.writes
    assert (await edge.send(with_token(edge, **claims))).status == 401
    assert (edge.fetches, edge.writes) == before


STATIC_PATH = "/v1/static/" + "/".join(STATIC)


def static_delivery(
    edge: Edge, body: bytes = BODY, *, path: str = STATIC_PATH, signature: str | None = None
) -> bytes:
    signed = SECRET.headers(body, timestamp=int(edge.now))
    if signature is not None:
        signed["webhook-signature"] = signature
    lines = [f"{name}: {value}" for name, value in signed.items()]
    return edge.head(*lines, f"Content-Length: {len(body)}", path=path) + body


async def test_a_static_webhook_needs_none_of_googles_keys(edge: Edge) -> None:
    edge.published = JwksError("down")
    before = counted("unavailable", "v1")
    assert (await edge.send(static_delivery(edge))).status == UNREACHED
    # aiohttp sends a GET once more when its connection breaks.
    assert edge.fetches == 0
    assert edge.writes > 0
    assert counted("unavailable", "v1") == before + 1


@pytest.mark.parametrize(
    "path",
    ["/v1/static/default/other", "/v1/static/other/reviews", "/v1/static/default", "/v1/static/"],
)
async def test_an_unknown_static_webhook_is_answered_as_any_unknown_address(
    edge: Edge, path: str
) -> None:
    known = await edge.send(edge.delivery(path="/v1/callbacks/none"))
    reply = await edge.send(static_delivery(edge, path=path))
    assert (reply.status, reply.body) == (404, known.body)
    assert edge.writes == 0


@pytest.mark.row(59, 80)
async def test_each_kind_of_webhook_accepts_its_own_signatures_only(edge: Edge) -> None:
    edge.published = parse(jwks(SIGNER, TOKENS))
    at = int(edge.now)
    token = TOKENS.token({"iat": at, "exp": at + 300})
    for signature in (SIGNER.token("msg_1", at, BODY), token):
        assert (await edge.send(static_delivery(edge, signature=signature))).status == 401
    of_static = SECRET.headers(BODY, timestamp=at)["webhook-signature"]
    assert (await edge.send(with_signature(edge, of_static))).status == 401
    assert (edge.fetches, edge.writes) == (0, 0)


async def test_a_forged_static_delivery_reaches_nobody(edge: Edge) -> None:
    forgery = SecretSigner(b"\x09" * 32).headers(BODY, timestamp=int(edge.now))
    reply = await edge.send(static_delivery(edge, signature=forgery["webhook-signature"]))
    assert reply.status == 401
    assert (edge.fetches, edge.writes) == (0, 0)


@pytest.mark.parametrize(
    "remote_id",
    ["", None, 7, "batches/", "a,status.state=Running", "a=b", "../x", "b" * 129, "batches/a/b"],
)
async def test_s19_an_event_that_names_no_batch_selects_nothing(
    edge: Edge, remote_id: object
) -> None:
    body = encoded(envelope(data={"id": remote_id}))
    assert (await edge.send(static_delivery(edge, body))).status == 200
    assert edge.writes == 0


@pytest.mark.row(81, 82, 84, 88)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 9000,
        encoded(envelope(type="video.generated")),
        encoded({"type": "webhooks.ping"}),
    ],
)
async def test_a_signed_event_about_no_batch_is_acknowledged(edge: Edge, body: bytes) -> None:
    assert (await edge.send(static_delivery(edge, body))).status == 200
    assert edge.writes == 0
