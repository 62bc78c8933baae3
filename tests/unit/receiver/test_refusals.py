"""Headers and signatures that are wrong in one way: the answer, and that nobody else is asked."""

import asyncio
import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from gemini_operator.base.metrics import RECEIVER
from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from tests.deliveries import SecretSigner, Signer, TokenSigner, base64url, encoded, jwks

from .conftest import BODY, SECRET, SIGNER, STATIC, Edge, Reply

UNREACHED = 503
"""What a delivery earns that passed every check and found no API server."""

STRANGER, ROTATED = Signer(b"\x09" * 32), SecretSigner(b"\x07" * 32)
TOKENS, OTHER, SHORT = TokenSigner(), TokenSigner("key-2"), TokenSigner(bits=1024)
STATIC_PATH = "/v1/static/" + "/".join(STATIC)
NOW = 1_764_000_000
GOOD = SECRET.token("msg_1", NOW, BODY)
FORGED = ROTATED.token("msg_1", NOW, BODY)
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def named(signer: Signer, event_id: str = "msg_1", timestamp: str = str(NOW)) -> dict[str, str]:
    """The headers of a delivery whose signature is valid for this id and time."""
    token = signer.token(event_id, timestamp, BODY)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": token,
    }


def headed(edge: Edge, headers: Mapping[str, str], *more: str, path: str | None = None) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    return edge.head(*lines, f"Content-Length: {len(BODY)}", *more, path=path) + BODY


async def with_signature(edge: Edge, signature: str, *, path: str | None = None) -> Reply:
    return await edge.send(
        headed(edge, {**named(SIGNER), "webhook-signature": signature}, path=path)
    )


def untouched(edge: Edge) -> bool:
    return (edge.writes, edge.fetches) == (0, 0)


# Headers


@pytest.mark.row(31)
@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
async def test_an_empty_header_is_no_header(edge: Edge, name: str) -> None:
    assert (await edge.send(headed(edge, {**named(SIGNER), name: ""}))).status == 400
    assert untouched(edge)


@pytest.mark.row(32)
@pytest.mark.parametrize("spell", [str.upper, str.title])
async def test_names_of_headers_match_in_any_case(edge: Edge, spell: Any) -> None:
    headers = {spell(name): value for name, value in named(SIGNER).items()}
    assert (await edge.send(headed(edge, headers))).status == UNREACHED
    assert edge.writes == 1


@pytest.mark.row(33)
async def test_headers_of_svix_are_other_headers(edge: Edge) -> None:
    headers = {name.replace("webhook", "svix"): value for name, value in named(SIGNER).items()}
    assert (await edge.send(headed(edge, headers))).status == 400
    assert untouched(edge)


@pytest.mark.row(34, 35)
@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("other", ["", "x"])
async def test_a_header_that_is_there_twice_is_refused(edge: Edge, name: str, other: str) -> None:
    headers = named(SIGNER)
    again = f"{name}: {other or headers[name]}"
    assert (await edge.send(headed(edge, headers, again))).status == 400
    assert untouched(edge)


@pytest.mark.row(36)
async def test_signatures_that_a_proxy_joined_are_refused(edge: Edge) -> None:
    token = named(SIGNER)["webhook-signature"]
    assert (await with_signature(edge, f"v1a,AAAA, {token}")).status == 400
    assert untouched(edge)


@pytest.mark.row(37)
@pytest.mark.parametrize("event_id", [f"msg_1.{NOW}", "msg 1", "msg\t1", "msgé", "m" * 129])
async def test_an_id_of_another_form_is_refused_although_it_is_signed(
    edge: Edge, event_id: str
) -> None:
    assert (await edge.send(headed(edge, named(SIGNER, event_id)))).status == 400
    assert untouched(edge)


@pytest.mark.row(37)
async def test_the_dot_between_id_and_time_cannot_be_moved(edge: Edge) -> None:
    """The signature covers `msg_1.<time>.<body>`, and the parts could be cut elsewhere."""
    body = f"{NOW}.".encode() + BODY
    shifted = {**named(SIGNER), "webhook-signature": SIGNER.token("msg_1", NOW, body)}
    shifted["webhook-id"] = f"msg_1.{NOW}"
    assert (await edge.send(headed(edge, shifted))).status == 400
    assert untouched(edge)


@pytest.mark.row(39)
@pytest.mark.parametrize(
    "timestamp",
    [
        *(f"{NOW}.9", f"+{NOW}", f"-{NOW}", f"0{NOW}", f"{NOW}000", "1_764_000_000", "1.764e9"),
        *("2025-11-24T16:00:00Z", "nan", "inf", "0", f"{NOW} {NOW}"),
    ],
)
async def test_a_time_of_another_form_is_refused_although_it_is_signed(
    edge: Edge, timestamp: str
) -> None:
    assert (await edge.send(headed(edge, named(SIGNER, timestamp=timestamp)))).status == 400
    assert untouched(edge)


def stale() -> float:
    return (
        RECEIVER.get_sample_value(
            "gemini_operator_receiver_requests_total", {"result": "stale", "scheme": "none"}
        )
        or 0.0
    )


@pytest.mark.row(41)
@pytest.mark.parametrize("wrong_by", [-3600, 3600])
async def test_a_wrong_clock_refuses_all_deliveries_and_is_seen_in_the_metrics(
    edge: Edge, wrong_by: int
) -> None:
    before = stale()
    edge.now = NOW + wrong_by
    for number in range(3):
        assert (await edge.send(headed(edge, named(SIGNER, f"msg_{number}")))).status == 400
    assert untouched(edge)
    assert stale() == before + 3


@pytest.mark.row(42)
async def test_an_old_delivery_of_an_event_never_seen_is_refused(edge: Edge) -> None:
    at = str(NOW - 24 * 3600)
    assert (await edge.send(headed(edge, named(SIGNER, "msg_new", at)))).status == 400
    assert untouched(edge)


@pytest.mark.row(91)
async def test_a_recorded_request_is_refused_when_it_is_old(edge: Edge) -> None:
    recorded = edge.delivery()
    await edge.send(recorded)
    edge.now += 301
    before = edge.writes, edge.fetches
    assert (await edge.send(recorded)).status == 400
    assert (edge.writes, edge.fetches) == before


# HMAC, of static webhooks


@pytest.mark.parametrize(
    "signature",
    [
        *(
            pytest.param(token, marks=pytest.mark.row(43))
            for token in (
                *("v1", "v1,", "v1,AAAA", "v1,!!!!", GOOD[:-1], GOOD + "=", GOOD.rstrip("=")),
                "v1," + base64.b64decode(GOOD[3:]).hex(),
                "v1," + base64.b64encode(b"x" * 31).decode(),
                "v1," + base64.b64encode(b"x" * 33).decode(),
            )
        ),
        pytest.param("v1,!" + GOOD[3:], marks=pytest.mark.row(45)),
        pytest.param(" ".join([FORGED] * 3), marks=pytest.mark.row(46)),
        *(
            pytest.param(token, marks=pytest.mark.row(48))
            for token in ("v2," + GOOD[3:], "V1," + GOOD[3:], "v2,AAAA v3,AAAA")
        ),
        pytest.param(FORGED, marks=pytest.mark.row(49)),
        pytest.param(SIGNER.token("msg_1", NOW, BODY), marks=pytest.mark.row(59, 80)),
        pytest.param(
            SecretSigner(SIGNER.private.public_key().public_bytes_raw()).token("msg_1", NOW, BODY),
            marks=pytest.mark.row(60),
        ),
    ],
)
async def test_a_static_webhook_refuses_a_bad_signature(edge: Edge, signature: str) -> None:
    reply = await with_signature(edge, signature, path=STATIC_PATH)
    assert (reply.status, reply.body) == (401, b"Unauthorized\n")
    assert untouched(edge)


@pytest.mark.row(47)
async def test_one_good_signature_among_others_is_enough(edge: Edge) -> None:
    reply = await with_signature(edge, f"{FORGED} v2,AAAA {GOOD} {FORGED}", path=STATIC_PATH)
    assert reply.status == UNREACHED
    assert edge.writes > 0


@pytest.mark.row(50)
async def test_a_static_webhook_verifies_the_raw_bytes(edge: Edge) -> None:
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    for body in (again, BODY[:-1] + b" "):
        headers = {**named(SIGNER), "webhook-signature": SECRET.token("msg_1", NOW, body)}
        assert (await edge.send(headed(edge, headers, path=STATIC_PATH))).status == 401
    assert untouched(edge)


# Ed25519


@pytest.mark.row(54)
async def test_the_known_vector_is_a_delivery(edge: Edge) -> None:
    """The seed is 00..1f; the message is that of Standard Webhooks' own v1 test vector."""
    point = "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
    edge.published = parse(
        encoded({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": point, "kid": "one"}]})
    )
    edge.now = 1614265330.0
    token = (
        "yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ=="
    )
    lines = [
        "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp: 1614265330",
        f"webhook-signature: v1a,{token}",
        "Content-Length: 20",
    ]
    assert (await edge.send(edge.head(*lines) + b'{"test": 2432232314}')).status == UNREACHED
    assert (edge.writes, edge.fetches) == (1, 1)


@pytest.mark.row(55)
async def test_any_of_three_keys_without_ids_may_have_signed(edge: Edge) -> None:
    edge.published = parse(jwks(STRANGER, Signer(b"\x08" * 32), SIGNER))
    assert (await edge.send(edge.delivery())).status == UNREACHED
    assert (edge.writes, edge.fetches) == (1, 1)


def malleated(token: str) -> str:
    """The same signature with the group order added to its scalar: equal for a lax verifier."""
    signature = base64.b64decode(token.removeprefix("v1a,"))
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return "v1a," + base64.b64encode(signature[:32] + scalar.to_bytes(32, "little")).decode()


@pytest.mark.row(56)
@pytest.mark.parametrize(
    "signature",
    [
        "v1a,",
        "v1a," + base64.b64encode(b"x" * 63).decode(),
        "v1a," + base64.b64encode(b"x" * 65).decode(),
        malleated(SIGNER.token("msg_1", NOW, BODY)),
    ],
)
async def test_what_is_no_ed25519_signature_is_refused(edge: Edge, signature: str) -> None:
    assert (await with_signature(edge, signature)).status == 401
    assert untouched(edge)


@pytest.mark.row(57)
@pytest.mark.parametrize(
    "member",
    [
        *(SIGNER.jwk(x="A" * 42), SIGNER.jwk(x="A" * 44), SIGNER.jwk(x="!" * 43)),
        *(SIGNER.jwk(crv="X25519"), SIGNER.jwk(crv="Ed448"), SIGNER.jwk(use="enc")),
    ],
)
async def test_unusable_keys_are_skipped(edge: Edge, member: dict[str, Any]) -> None:
    edge.published = parse(encoded({"keys": [member]}))
    assert (await edge.send(edge.delivery())).status == 401
    assert edge.writes == 0


@pytest.mark.row(57, 128)
async def test_a_good_key_beside_unusable_ones_is_used(edge: Edge) -> None:
    bad = [SIGNER.jwk(use="enc"), {"kty": "unknown"}, None, STRANGER.jwk(crv="Ed448")]
    edge.published = parse(encoded({"keys": [*bad, SIGNER.jwk()]}))
    assert (await edge.send(edge.delivery())).status == UNREACHED
    assert edge.writes == 1


@pytest.mark.row(60)
@pytest.mark.parametrize("kind", ["v1", "v1a"])
async def test_an_hmac_keyed_with_a_public_key_is_refused(edge: Edge, kind: str) -> None:
    point = SIGNER.private.public_key().public_bytes_raw()
    digest = SecretSigner(point).token("msg_1", NOW, BODY).partition(",")[2]
    assert (await with_signature(edge, f"{kind},{digest}")).status == 401
    assert untouched(edge)


@pytest.mark.row(61)
async def test_s20_without_any_ed25519_key_a_signature_is_refused_once_the_set_is_fresh(
    edge: Edge,
) -> None:
    edge.published = parse(jwks(TOKENS))
    assert (await edge.send(edge.delivery())).status == 401
    reply = await edge.send(edge.delivery())
    assert (reply.status, int(reply.headers["retry-after"]) > 20) == (503, True)
    assert (edge.writes, edge.fetches) == (0, 2)


# Tokens


def claims(**changes: Any) -> dict[str, Any]:
    return {"iat": NOW, "exp": NOW + 300} | changes


def signed_with(secret: str, header: dict[str, Any]) -> str:
    """An HS256 token, which PyJWT would not make with such a secret."""
    content = f"{base64url(encoded(header))}.{base64url(encoded(claims()))}"
    return f"{content}.{base64url(hmac.digest(secret.encode(), content.encode(), 'sha256'))}"


async def refused(edge: Edge, token: str) -> bool:
    """Whether the token is refused by keys that are there, and causes nothing."""
    edge.published = parse(jwks(SIGNER, TOKENS))
    await edge.send(edge.delivery())
    before = edge.writes, edge.fetches
    reply = await with_signature(edge, token)
    assert (reply.status, reply.body) == (401, b"Unauthorized\n")
    return (edge.writes, edge.fetches) == before


def without_signature(algorithm: str) -> str:
    header = base64url(encoded({"alg": algorithm, "kid": "key-1"}))
    return f"{header}.{base64url(encoded(claims()))}."


@pytest.mark.parametrize(
    "token",
    [
        *(
            pytest.param(token, marks=pytest.mark.row(62))
            for token in (
                *(without_signature("none"), without_signature("nOnE")),
                without_signature("none") + "AA",
                TOKENS.token(claims(), header={"alg": "none"}),
            )
        ),
        *(
            pytest.param(signed_with(secret, header), marks=pytest.mark.row(63))
            for header in ({"alg": "HS256", "kid": "key-1"}, {"alg": "HS256"})
            for secret in (json.dumps(TOKENS.jwk()), TOKENS.jwk()["n"])
        ),
        *(
            pytest.param(TOKENS.token(claims(), header={"alg": name}), marks=pytest.mark.row(64))
            for name in ("RS512", "PS256", "ES256", "EdDSA")
        ),
        *(
            pytest.param(TOKENS.token(claims(), header=header), marks=pytest.mark.row(66))
            for header in ({"crit": ["exp"]}, {"crit": ["x"], "x": 1}, {"b64": False})
        ),
        *(
            pytest.param(TOKENS.token(claims(), header={"kid": kid}), marks=pytest.mark.row(67))
            for kid in (None, 1, "", "k" * 3000, "../../etc/passwd", "' OR 1=1 --", "a\r\nb")
        ),
        *(
            pytest.param(TOKENS.token(claims(**times)), marks=pytest.mark.row(70))
            for times in (
                {"iat": NOW - 300, "exp": NOW - 60},
                {"iat": NOW + 61},
                {"nbf": NOW + 61},
                {"exp": NOW + 3601},
            )
        ),
        pytest.param(TOKENS.token({"iat": NOW}), marks=pytest.mark.row(71)),
        *(
            pytest.param(token, marks=pytest.mark.row(77))
            for token in (
                *("a.b.c.d", "a.b.c", "..", "\xff.\xff.\xff", "a.b.c==="),
                TOKENS.token(b"[]"),
                TOKENS.token(b"null"),
                base64url(b"[]") + ".e30.AA",
                base64url(b"[" * 3000) + ".e30.AA",
                base64url(b'{"alg":' + b"1" * 4000 + b"}") + ".e30.AA",
                base64url(b'{"alg":"RS256","kid":"\\ud800"}') + ".e30.AA",
            )
        ),
    ],
)
async def test_a_bad_token_is_refused_and_not_logged(
    edge: Edge, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await refused(edge, token)
    shown = "".join(capsys.readouterr())
    assert "result=bad_signature" in shown
    for hidden in ("etc/passwd", "OR 1=1", "kkkk", "ud800", token):
        assert hidden not in shown


@pytest.mark.row(67)
async def test_a_key_id_that_fits_no_header_is_malformed(edge: Edge) -> None:
    token = TOKENS.token(claims(), header={"kid": "k" * 10_000})
    assert (await with_signature(edge, token)).status == 400
    assert untouched(edge)


@pytest.mark.row(65)
async def test_nobody_is_asked_for_a_key_that_a_token_brings(edge: Edge) -> None:
    visits = 0

    async def visitor(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        writer.close()

    edge.published = parse(jwks(SIGNER, TOKENS))
    async with await asyncio.start_server(visitor, "127.0.0.1", 0) as attacker:
        url = f"http://127.0.0.1:{attacker.sockets[0].getsockname()[1]}/keys"
        brought = {"jku": url, "x5u": url, "jwk": OTHER.jwk(kid="key-1"), "x5c": ["MIIB"]}
        forged = OTHER.token(claims(), header=brought | {"kid": "key-1"})
        assert (await with_signature(edge, forged)).status == 401
        assert edge.writes == 0
        await with_signature(edge, TOKENS.token(claims(), header=brought))
        assert edge.writes == 1
    assert visits == 0


@pytest.mark.parametrize("tokens", [TokenPolicy("issuer", "audience")])
@pytest.mark.parametrize(
    "members",
    [
        *(
            pytest.param({"iss": "issuer", "aud": audience}, marks=pytest.mark.row(73))
            for audience in ("other", "audienceaudience", "aud", ["other", "audience"])
        ),
        *(
            pytest.param({"iss": issuer, "aud": "audience"}, marks=pytest.mark.row(74))
            for issuer in ("other", "iss", "issuers", ["issuer"])
        ),
        pytest.param({"iss": "issuer"}, marks=pytest.mark.row(75)),
        pytest.param({"aud": "audience"}, marks=pytest.mark.row(75)),
    ],
)
async def test_a_token_for_somebody_else_is_refused(
    edge: Edge, tokens: TokenPolicy, members: dict[str, Any]
) -> None:
    del tokens
    assert await refused(edge, TOKENS.token(claims(**members)))


@pytest.mark.parametrize("tokens", [TokenPolicy("issuer", "audience")])
async def test_a_token_with_issuer_and_audience_is_accepted(
    edge: Edge, tokens: TokenPolicy
) -> None:
    del tokens
    edge.published = parse(jwks(SIGNER, TOKENS))
    token = TOKENS.token(claims(iss="issuer", aud="audience"))
    assert (await with_signature(edge, token)).status == UNREACHED
    assert edge.writes == 1


@pytest.mark.row(79)
async def test_a_short_rsa_key_verifies_nothing(edge: Edge) -> None:
    edge.published = parse(jwks(SIGNER, SHORT))
    assert (await with_signature(edge, SHORT.token(claims()))).status == 401
    assert edge.writes == 0


# Google's keys


@pytest.mark.row(123)
async def test_a_key_set_that_fails_is_fetched_once_for_many_deliveries(edge: Edge) -> None:
    edge.published = JwksError("the answer's status is 503")
    replies = [await edge.send(edge.delivery()) for _ in range(20)]
    assert {reply.status for reply in replies} == {503}
    assert (edge.writes, edge.fetches) == (0, 1)


@pytest.mark.row(119)
async def test_fresh_keys_outlive_an_outage(edge: Edge) -> None:
    await edge.send(edge.delivery())
    edge.published = JwksError("unreachable")
    assert (await edge.send(edge.delivery())).status == UNREACHED
    assert (edge.writes, edge.fetches) == (2, 1)


def without_keys() -> JwksError:
    with pytest.raises(JwksError) as empty:
        parse(b'{"keys": []}')
    return empty.value


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(JwksError("unreachable"), marks=pytest.mark.row(120)),
        pytest.param(without_keys(), marks=pytest.mark.row(128)),
    ],
)
async def test_old_keys_are_used_for_a_day_while_there_are_no_newer_ones(
    edge: Edge, failure: JwksError
) -> None:
    await edge.send(edge.delivery())
    edge.published = failure
    edge.now += 24 * 3600
    assert (await edge.send(edge.delivery())).status == UNREACHED
    assert (edge.writes, edge.fetches) == (2, 2)
    edge.now += 3600
    reply = await edge.send(edge.delivery())
    assert (reply.status, "retry-after" in reply.headers) == (503, True)
    assert edge.writes == 2


@pytest.mark.row(127)
async def test_a_revoked_key_verifies_nothing_after_the_time_to_live(edge: Edge) -> None:
    await edge.send(edge.delivery())
    edge.published = parse(jwks(STRANGER))
    edge.now += 3601
    assert (await edge.send(edge.delivery())).status == 401
    assert edge.writes == 1
