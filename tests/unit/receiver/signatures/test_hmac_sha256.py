import base64
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.signatures import headers, hmac_sha256, table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.table import Verification
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from tests.deliveries import SecretSigner, Signer, encoded, envelope, jwks

NOW = 1_764_000_000
SIGNER, OTHER = SecretSigner(), SecretSigner(b"\x07" * 32)
BODY = encoded(envelope())
GOOD = SIGNER.token("msg_1", NOW, BODY)
FORGED = OTHER.token("msg_1", NOW, BODY)

# Published by the reference libraries: Python, JavaScript, Go, C#, PHP and Ruby; and Rust.
VECTORS = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        b'{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
]


def keys(*signers: SecretSigner) -> KeySet:
    return KeySet(hmac=tuple(SecretBytes(signer.secret) for signer in signers))


def claimed(signature: str, *, event_id: str = "msg_1", timestamp: int = NOW) -> WebhookHeaders:
    found = headers.read(
        [
            (b"webhook-id", event_id.encode()),
            (b"webhook-timestamp", str(timestamp).encode()),
            (b"webhook-signature", signature.encode("latin-1")),
        ]
    )
    assert found is not None
    return found


def verified(signature: str, body: bytes = BODY, *signers: SecretSigner) -> Verification:
    secrets = keys(*(signers or (SIGNER,)))
    return table.verify(table.STATIC, claimed(signature), body, secrets, NOW)


@pytest.mark.parametrize(("secret", "event_id", "timestamp", "body", "token"), VECTORS)
def test_the_published_vectors_hold(
    secret: str, event_id: str, timestamp: int, body: bytes, token: str
) -> None:
    known = keys(SecretSigner(base64.b64decode(secret.removeprefix("whsec_"))))
    found = claimed(token, event_id=event_id, timestamp=timestamp)
    check = hmac_sha256.verify(found, body, token.encode(), known, timestamp)
    assert check.content == SignedContent(event_id, timestamp, body)
    assert table.verify(table.STATIC, found, body + b" ", known, timestamp).verdict is (
        Verdict.MISMATCH
    )


@given(secret=st.binary(min_size=24, max_size=64), text=st.text(max_size=300))
def test_what_the_reference_library_signs_is_accepted(secret: bytes, text: str) -> None:
    body = text.encode("utf-8", "ignore")
    library = standardwebhooks.Webhook(secret)
    token = library.sign("msg_1", datetime.fromtimestamp(NOW, UTC), body.decode())
    known = keys(SecretSigner(secret))
    assert table.verify(table.STATIC, claimed(token), body, known, NOW).verdict is Verdict.VALID


@pytest.mark.row(81)
@pytest.mark.parametrize("body", [b"\xff\xfe", b"", b"\xef\xbb\xbf{}", b"[" * 9000, b"1" * 6000])
def test_a_body_of_any_bytes_can_be_signed(body: bytes) -> None:
    """The reference library fails on some of these before it looks at the signature."""
    assert verified(SIGNER.token("msg_1", NOW, body), body).verdict is Verdict.VALID


@pytest.mark.row(47)
def test_one_good_token_among_others_is_enough() -> None:
    assert verified(f"{FORGED} v2,AAAA {GOOD} {FORGED}").verdict is Verdict.VALID
    assert verified(f"  v1 {GOOD} x,y").verdict is Verdict.VALID


def test_s20_many_tokens_cost_one_digest_for_each_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger may send 64 KiB with sixteen tokens."""
    counted: list[int] = []
    original = hmac.digest

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        counted.append(len(message))
        return original(key, message, name)

    forged = " ".join(SecretSigner(bytes([n]) * 32).token("msg_1", NOW, BODY) for n in range(16))
    monkeypatch.setattr("hmac.digest", digest)
    assert verified(forged, BODY, SIGNER, SecretSigner(b"\x70" * 32)).verdict is Verdict.MISMATCH
    assert len(counted) == 2


@pytest.mark.row(46)
def test_three_bad_tokens_stay_bad() -> None:
    assert verified(f"{FORGED} {FORGED} {FORGED}") == Verification(Verdict.MISMATCH, "v1")


@pytest.mark.row(49)
def test_any_secret_of_a_rotation_may_have_signed() -> None:
    assert verified(GOOD, BODY, OTHER, SIGNER).verdict is Verdict.VALID
    assert verified(f"{FORGED} {GOOD}", BODY, SIGNER).verdict is Verdict.VALID
    assert verified(GOOD, BODY, OTHER).verdict is Verdict.MISMATCH


@pytest.mark.row(50)
def test_the_raw_bytes_are_what_is_signed() -> None:
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert verified(GOOD, again).verdict is Verdict.MISMATCH
    assert verified(GOOD, BODY[:-1] + b" ").verdict is Verdict.MISMATCH


@pytest.mark.row(43, 45, 48)
@pytest.mark.parametrize(
    "token",
    [
        "v1",
        "v1,",
        "v2," + GOOD[3:],
        "V1," + GOOD[3:],
        "v1,!" + GOOD[3:],
        GOOD[:-1],
        GOOD + "=",
        "v1," + GOOD[3:].replace("=", ""),
        "v1," + base64.b64decode(GOOD[3:]).hex(),
        "v1," + base64.urlsafe_b64encode(b"\xfb" * 32).decode(),
        "v1," + base64.b64encode(b"x" * 31).decode(),
        "v1," + base64.b64encode(b"x" * 33).decode(),
        "v1,\xff\xfe",
        GOOD[3:],
    ],
)
def test_what_no_secret_can_have_made_is_told_apart_from_a_mismatch(
    token: str,
) -> None:
    assert verified(token).verdict is Verdict.UNACCEPTED


@pytest.mark.row(59, 80)
def test_a_static_webhook_accepts_no_signature_of_a_dynamic_one() -> None:
    signer = Signer()
    public = parse(jwks(signer))
    both = KeySet(ed25519=public.ed25519, hmac=keys(SIGNER).hmac)
    token = signer.token("msg_1", NOW, BODY)
    assert table.verify(table.STATIC, claimed(token), BODY, both, NOW).verdict is (
        Verdict.UNACCEPTED
    )


@pytest.mark.row(53)
@pytest.mark.parametrize("token", [GOOD, FORGED, SIGNER.token("msg_1", NOW, BODY + b" ")])
def test_every_secret_is_compared_in_constant_time(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    compared: list[tuple[int, int]] = []
    shipped = hmac.compare_digest

    def compare(ours: bytes, theirs: bytes) -> bool:
        compared.append((len(ours), len(theirs)))
        return shipped(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    verified(token, BODY, SIGNER, OTHER)
    assert compared == [(32, 32)] * 2


@pytest.mark.row(60)
def test_an_hmac_keyed_with_a_public_key_is_refused() -> None:
    signer = Signer()
    point = signer.private.public_key().public_bytes_raw()
    token = SecretSigner(point).token("msg_1", NOW, BODY)
    known = parse(jwks(signer))
    for schemes in (table.STATIC, table.dynamic(None)):
        found = table.verify(schemes, claimed(token), BODY, known, NOW)
        assert found.verdict is not Verdict.VALID


@given(token=st.binary(max_size=120), body=st.binary(max_size=200))
def test_no_token_and_no_body_make_it_raise_or_pass(token: bytes, body: bytes) -> None:
    found = WebhookHeaders("msg_1", NOW, (token,), b"msg_1.")
    check = hmac_sha256.verify(found, body, token, keys(SIGNER, OTHER), NOW)
    assert check.verdict is not Verdict.VALID


def judged(body: bytes, given: Mapping[str, str]) -> Any:
    return standardwebhooks.Webhook(SIGNER.secret).verify(body, dict(given), json_parse=False)


def test_the_tests_own_signer_is_accepted_by_the_reference_library() -> None:
    judged(BODY, SIGNER.headers(BODY))
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        judged(BODY, OTHER.headers(BODY))
