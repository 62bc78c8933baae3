import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.verdict import Check, SignedContent, Verdict
from tests.deliveries import Signer, TokenSigner, base64url, encoded, jwks

NOW = 1_764_000_000
SIGNER, OTHER, SHORT = TokenSigner(), TokenSigner("key-2"), TokenSigner(bits=1024)
KEYS = parse(jwks(Signer(), SIGNER))
CLAIMS = {"iat": NOW, "exp": NOW + 300}
HEADERS = WebhookHeaders("msg_1", NOW, (), b"msg_1.1764000000.")


def checked(
    token: str | bytes,
    *,
    policy: TokenPolicy | None = None,
    keys: KeySet = KEYS,
    now: float = NOW,
) -> Check:
    raw = token.encode() if isinstance(token, str) else token
    return (policy or TokenPolicy()).verify(HEADERS, b'{"type":"batch.failed"}', raw, keys, now)


def verdict(claims: Mapping[str, Any] | bytes, **header: Any) -> Verdict:
    return checked(SIGNER.token(claims, header=header)).verdict


def signed_with(secret: str) -> str:
    """An HS256 token, which PyJWT would not make with such a secret."""
    header = base64url(encoded({"alg": "HS256", "kid": "key-1"}))
    content = f"{header}.{base64url(encoded(CLAIMS))}"
    digest = hmac.digest(secret.encode(), content.encode(), "sha256")
    return f"{content}.{base64url(digest)}"


@pytest.mark.row(76)
def test_s15_a_valid_token_proves_an_event_and_nothing_of_the_body() -> None:
    content = checked(SIGNER.token(CLAIMS)).content
    assert content is not None
    assert content.body == b""
    assert content.timestamp == NOW
    assert content.id.startswith("jwt_")


@pytest.mark.row(78)
def test_another_spelling_of_a_token_is_the_same_event() -> None:
    token = SIGNER.token(CLAIMS)
    first, second = checked(token), checked(token + "==")
    assert first.content is not None
    assert first == second
    later = checked(SIGNER.token(CLAIMS | {"iat": NOW + 1})).content
    assert later is not None
    assert later.id != first.content.id


@pytest.mark.row(62, 64)
@pytest.mark.parametrize("algorithm", ["none", "nOnE", "HS256", "RS512", "PS256", "ES256", "", 7])
def test_another_algorithm_is_refused(algorithm: Any) -> None:
    assert verdict(CLAIMS, alg=algorithm) is Verdict.UNACCEPTED


@pytest.mark.row(62)
def test_a_token_without_a_signature_is_refused() -> None:
    content = f"{base64url(encoded({'alg': 'none', 'kid': 'key-1'}))}.{base64url(encoded(CLAIMS))}"
    assert checked(content + ".").verdict is Verdict.UNACCEPTED
    assert checked(content + ".AA").verdict is Verdict.UNACCEPTED


@pytest.mark.row(63)
def test_an_hmac_keyed_with_a_public_key_is_refused() -> None:
    """The key is public: whoever takes it for a secret accepts anybody's token (CVE-2022-29217)."""
    for secret in (json.dumps(SIGNER.jwk()), SIGNER.jwk()["n"]):
        forged = signed_with(secret)
        assert checked(forged).verdict is Verdict.UNACCEPTED
        relabelled = [base64url(encoded({"alg": "RS256", "kid": "key-1"})), *forged.split(".")[1:]]
        assert checked(".".join(relabelled)).verdict is Verdict.MISMATCH


@pytest.mark.row(65)
def test_a_token_cannot_bring_its_own_key() -> None:
    brought = {
        "jku": "https://attacker.example/jwks.json",
        "x5u": "https://attacker.example/chain.pem",
        "jwk": OTHER.jwk(kid="key-1"),
        "x5c": ["MIIB"],
    }
    assert checked(OTHER.token(CLAIMS, header=brought | {"kid": "key-1"})).verdict is (
        Verdict.MISMATCH
    )
    assert verdict(CLAIMS, **brought) is Verdict.VALID


@pytest.mark.row(66)
@pytest.mark.parametrize("member", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}])
def test_extensions_that_must_be_understood_are_not(member: dict[str, Any]) -> None:
    assert verdict(CLAIMS, **member) is Verdict.UNACCEPTED


@pytest.mark.row(67)
@pytest.mark.parametrize(
    "kid", [None, 1, "", "k" * 129, "../../etc/passwd", "' OR 1=1 --", "a\r\nb", ["key-1"], {}]
)
def test_a_strange_key_id_is_refused(kid: Any) -> None:
    assert verdict(CLAIMS, kid=kid) is Verdict.UNACCEPTED


def test_an_unknown_key_id_is_a_mismatch_that_newer_keys_may_cure() -> None:
    assert checked(OTHER.token(CLAIMS)).verdict is Verdict.MISMATCH
    assert checked(OTHER.token(CLAIMS), keys=KeySet()).verdict is Verdict.MISMATCH
    assert checked(OTHER.token(CLAIMS), keys=parse(jwks(SIGNER, OTHER))).verdict is Verdict.VALID


def test_a_key_without_an_id_may_be_any_key() -> None:
    keys = parse(encoded({"keys": [OTHER.jwk(kid=""), SIGNER.jwk(kid="")]}))
    assert checked(SIGNER.token(CLAIMS), keys=keys).verdict is Verdict.VALID
    named = parse(encoded({"keys": [OTHER.jwk(kid="key-1"), SIGNER.jwk(kid="")]}))
    assert checked(SIGNER.token(CLAIMS), keys=named).verdict is Verdict.MISMATCH


@pytest.mark.row(70)
@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"exp": NOW - 59}, True),
        ({"iat": NOW - 300, "exp": NOW - 60}, False),
        ({"iat": NOW + 60}, True),
        ({"iat": NOW + 61}, False),
        ({"nbf": NOW + 60}, True),
        ({"nbf": NOW + 61}, False),
        ({"exp": NOW + 3600}, True),
        ({"exp": NOW + 3601}, False),
        ({"exp": NOW + 3600.5}, False),
        ({"exp": str(NOW + 300)}, False),
        ({"exp": True}, False),
        ({"exp": None}, False),
        ({"exp": 10**400}, False),
        ({"iat": -(10**400), "exp": -(10**400) + 1}, False),
        ({"iat": float("nan")}, False),
        ({"exp": float("inf")}, False),
        ({"nbf": []}, False),
        ({"iat": 10.5, "exp": NOW}, False),
    ],
)
def test_a_token_is_valid_for_its_time_only(changes: dict[str, Any], valid: bool) -> None:
    found = verdict(CLAIMS | changes)
    assert found is (Verdict.VALID if valid else Verdict.UNACCEPTED)


@pytest.mark.row(71)
@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_token_without_its_times_is_refused(name: str) -> None:
    kept = {claim: value for claim, value in CLAIMS.items() if claim != name}
    assert verdict(kept) is Verdict.UNACCEPTED


@pytest.mark.row(73, 74, 75)
@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({"iss": "issuer", "aud": "audience"}, True),
        ({"iss": "issuer", "aud": ["audience"]}, False),
        ({"iss": "issuer", "aud": ["other", "audience"]}, False),
        ({"iss": "issuer", "aud": "audienceaudience"}, False),
        ({"iss": "issuer", "aud": "aud"}, False),
        ({"iss": "issuer"}, False),
        ({"iss": "iss", "aud": "audience"}, False),
        ({"iss": ["issuer"], "aud": "audience"}, False),
        ({"aud": "audience"}, False),
    ],
)
def test_issuer_and_audience_are_equal_to_what_is_configured(
    claims: dict[str, Any], valid: bool
) -> None:
    policy = TokenPolicy("issuer", "audience")
    found = checked(SIGNER.token(CLAIMS | claims), policy=policy).verdict
    assert found is (Verdict.VALID if valid else Verdict.UNACCEPTED)
    assert checked(SIGNER.token(CLAIMS | claims)).verdict is Verdict.VALID


@pytest.mark.row(79)
def test_a_short_key_verifies_nothing() -> None:
    keys = parse(jwks(SHORT, Signer()))
    assert keys.rsa == ()
    assert checked(SHORT.token(CLAIMS), keys=keys).verdict is Verdict.MISMATCH


def test_a_forged_signature_and_changed_claims_are_mismatches() -> None:
    header, _, signature = SIGNER.token(CLAIMS).split(".")
    claims = base64url(encoded(CLAIMS | {"exp": NOW + 999}))
    assert checked(f"{header}.{claims}.{signature}").verdict is Verdict.MISMATCH
    assert checked(f"{header}.{claims}.AAAA").verdict is Verdict.MISMATCH


@pytest.mark.row(77)
@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"..",
        b"a.b",
        b"a.b.c",
        b"a.b.c.d",
        b"a.b.c===",
        b"\xff.\xff.\xff",
        "é.é.é".encode(),
        b"e30.e30.AA",
        base64.urlsafe_b64encode(b"[]").rstrip(b"=") + b".e30.AA",
        base64.urlsafe_b64encode(b"[" * 4000).rstrip(b"=") + b".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":' + b"1" * 5000 + b"}").rstrip(b"=") + b".e30.AA",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"\\ud800"}').rstrip(b"=") + b".e30.AA",
    ],
)
def test_what_is_no_token_is_refused(token: bytes) -> None:
    assert checked(token).verdict is Verdict.UNACCEPTED


@pytest.mark.row(77)
@pytest.mark.parametrize("payload", [b"[]", b"null", b"7", b"{", b"\xff", b"[" * 4000, b""])
def test_signed_claims_that_are_no_object_are_refused(payload: bytes) -> None:
    assert verdict(payload) is Verdict.UNACCEPTED


def test_the_example_of_rfc_7515_verifies_and_is_no_callback() -> None:
    """Appendix A.2. It names no key and no time of issue, which a callback must."""
    key = {
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEz"
        "P1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH"
        "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5"
        "IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB",
    }
    token = (
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxl"
        "LmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh"
        "7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyW"
        "zO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZE"
        "Sc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGl"
        "UPQGe77Rw"
    )
    (found,) = parse(encoded({"keys": [key]})).rsa
    claims = jwt.decode(token, found.public, algorithms=["RS256"], options={"verify_exp": False})
    assert claims["iss"] == "joe"
    keys = parse(encoded({"keys": [key]}))
    assert checked(token, keys=keys, now=1300819000).verdict is Verdict.UNACCEPTED


@given(
    token=st.binary(max_size=300)
    | st.tuples(*[st.binary(max_size=80)] * 3).map(
        lambda parts: ".".join(map(base64url, parts)).encode()
    ),
    now=st.floats(min_value=0, max_value=1e12),
)
@example(b"e30.e30.e30", 0.0)
def test_no_token_makes_it_raise_or_pass(token: bytes, now: float) -> None:
    assert checked(token, now=now).verdict is not Verdict.VALID


times = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.booleans()


@given(
    claims=st.fixed_dictionaries(
        {}, optional={"iat": times, "exp": times, "nbf": times, "aud": times, "iss": times}
    ),
    now=st.floats(min_value=0, max_value=1e12),
)
def test_no_signed_claims_make_it_raise(claims: dict[str, Any], now: float) -> None:
    found = checked(SIGNER.token(claims), now=now)
    if found.verdict is Verdict.VALID:
        assert isinstance(found.content, SignedContent)
