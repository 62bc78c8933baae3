import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.signatures import ed25519, headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from tests.deliveries import Signer, jwks

# Ed25519 seed 00..1f; the message is that of Standard Webhooks' own v1 test vector.
VECTOR_KEYS = b"""{"keys": [{"kty": "OKP", "crv": "Ed25519",
  "x": "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"}]}"""
VECTOR_TOKEN = (
    b"v1a,yoUrgEkc12aGqm0n4Sydmdz55xJfTz4AsAgieHFjmkR7LJtqVCZOQYzvvHjI5kAey+r4iaBGxTFRrl2iBQxtDQ=="
)
VECTOR_HEADERS = [
    (b"webhook-id", b"msg_p5jXN8AQM9LWM0D4loKWxJek"),
    (b"webhook-timestamp", b"1614265330"),
    (b"webhook-signature", VECTOR_TOKEN),
]
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_NOW = 1614265330.0
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

KEYS = parse(VECTOR_KEYS)


def claimed() -> WebhookHeaders:
    found = headers.read(VECTOR_HEADERS)
    assert found is not None
    return found


def verdict(token: bytes, body: bytes = VECTOR_BODY, keys: KeySet = KEYS) -> Verdict:
    return ed25519.verify(claimed(), body, token, keys, VECTOR_NOW).verdict


@pytest.mark.row(54)
def test_the_known_vector_holds() -> None:
    assert verdict(VECTOR_TOKEN) is Verdict.VALID


@pytest.mark.row(55)
def test_any_of_several_keys_may_have_signed() -> None:
    """Gemini's key set was seen with three keys and without key ids."""
    others = Signer(b"\x01" * 32), Signer(b"\x02" * 32)
    keys = parse(jwks(*others, Signer(bytes(range(32)))))
    assert len(keys.ed25519) == 3
    assert verdict(VECTOR_TOKEN, keys=keys) is Verdict.VALID


def test_the_key_that_verified_last_is_tried_first_and_the_others_after_it() -> None:
    others = Signer(b"\x01" * 32), Signer(b"\x02" * 32)
    keys = parse(jwks(*others, Signer(bytes(range(32)))))
    published = list(keys.ed25519)
    assert list(keys.likeliest()) == published
    assert verdict(VECTOR_TOKEN, keys=keys) is Verdict.VALID
    assert list(keys.likeliest()) == [published[2], *published[:2]]
    assert verdict(VECTOR_TOKEN, b"forged", keys) is Verdict.MISMATCH
    assert next(iter(keys.likeliest())) is published[2], "a forgery changes nothing"


@pytest.mark.parametrize(
    "body", [b"", b'{"test":2432232314}', VECTOR_BODY + b"\n", VECTOR_BODY[:-1] + b"]"]
)
def test_another_body_does_not_match(body: bytes) -> None:
    assert verdict(VECTOR_TOKEN, body) is Verdict.MISMATCH


@pytest.mark.parametrize("change", [{"id": "msg_p5jXN8AQM9LWM0D4loKWxJel"}, {"stamp": 1614265331}])
def test_another_id_or_time_does_not_match(change: dict[str, object]) -> None:
    message = f"{change.get('id', claimed().id)}.{change.get('stamp', 1614265330)}."
    other = WebhookHeaders("x", 0, (VECTOR_TOKEN,), message.encode())
    found = ed25519.verify(other, VECTOR_BODY, VECTOR_TOKEN, KEYS, VECTOR_NOW)
    assert found.verdict is Verdict.MISMATCH


def test_another_key_does_not_match() -> None:
    assert verdict(VECTOR_TOKEN, keys=parse(jwks(Signer(b"\x01" * 32)))) is Verdict.MISMATCH
    assert verdict(VECTOR_TOKEN, keys=KeySet()) is Verdict.MISMATCH


def malleated() -> bytes:
    """The same signature with the group order added to its scalar: equal for a lax verifier."""
    signature = base64.b64decode(VECTOR_TOKEN.removeprefix(b"v1a,"))
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    return b"v1a," + base64.b64encode(signature[:32] + scalar.to_bytes(32, "little"))


@pytest.mark.row(56)
@pytest.mark.parametrize(
    "token",
    [
        b"v1a,",
        b"v1a",
        b"v1a,!" + VECTOR_TOKEN[4:],
        VECTOR_TOKEN[:-2],
        VECTOR_TOKEN[:-1],
        VECTOR_TOKEN + b"=",
        VECTOR_TOKEN.replace(b"DQ==", b"DR=="),
        VECTOR_TOKEN.replace(b"+", b"-"),
        VECTOR_TOKEN.replace(b"yo", b"\n yo"),
        b"v1a," + base64.b64encode(b"x" * 63),
        b"v1a," + base64.b64encode(b"x" * 65),
        b"v1a," + b"00" * 64,
        b"v1a,\xff\xff",
        malleated(),
    ],
)
def test_what_no_key_can_have_made_is_told_apart_from_a_mismatch(token: bytes) -> None:
    assert verdict(token) is Verdict.UNACCEPTED


@given(
    token=st.binary(max_size=200)
    | st.text(string.ascii_letters + string.digits + "+/=", max_size=100).map(
        lambda text: b"v1a," + text.encode()
    )
    | st.binary(min_size=64, max_size=64).map(lambda raw: b"v1a," + base64.b64encode(raw)),
    body=st.binary(max_size=200),
)
def test_no_token_and_no_body_make_it_raise_or_pass(token: bytes, body: bytes) -> None:
    assert verdict(token, body) in (Verdict.MISMATCH, Verdict.UNACCEPTED)


@given(
    seed=st.binary(min_size=32, max_size=32),
    event_id=st.from_regex(r"[A-Za-z0-9_-]{1,128}", fullmatch=True).filter(str.isascii),
    timestamp=st.integers(1, 999_999_999_999),
    body=st.binary(max_size=500),
)
def test_what_a_key_signs_is_valid_for_it_alone(
    seed: bytes, event_id: str, timestamp: int, body: bytes
) -> None:
    signer = Signer(seed)
    made = signer.headers(body, event_id=event_id, timestamp=timestamp)
    found = headers.read([(name.encode(), value.encode()) for name, value in made.items()])
    assert found is not None
    (token,) = found.tokens
    keys = parse(jwks(signer))
    content = ed25519.verify(found, body, token, keys, timestamp).content
    assert content == SignedContent(event_id, timestamp, body)
    forged = ed25519.verify(found, body + b"x", token, keys, timestamp)
    assert forged.verdict is Verdict.MISMATCH
