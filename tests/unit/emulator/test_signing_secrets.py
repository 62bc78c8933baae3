from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from gemini_emulator.signing import Message
from gemini_emulator.signing_secrets import SigningSecret, signature

# Published by Standard Webhooks: the tests of the Python and of the Rust library.
VECTORS = [
    (
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
    (
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
        1649367553,
        '{"email":"test@example.com","username":"test_user"}',
        "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
    ),
]


def message(identity: str, timestamp: int, body: str) -> Message:
    return Message(identity, timestamp, body.encode(), "http://h")


@pytest.mark.parametrize(("secret", "identity", "timestamp", "body", "signed"), VECTORS)
def test_the_published_vectors(
    secret: str, identity: str, timestamp: int, body: str, signed: str
) -> None:
    assert SigningSecret(secret).sign(message(identity, timestamp, body)) == signed


@given(st.text(max_size=50), st.integers(0, 2**31), st.text(max_size=200))
def test_every_signature_is_that_of_the_library(identity: str, timestamp: int, body: str) -> None:
    secret = SigningSecret.generate()
    expected = Webhook(secret.secret).sign(identity, datetime.fromtimestamp(timestamp, UTC), body)
    assert secret.sign(message(identity, timestamp, body)) == expected


def test_there_is_one_signature_per_secret_in_their_order() -> None:
    first, second = SigningSecret.generate(), SigningSecret.generate()
    one = message("msg_1", 1, "{}")
    assert signature([first, second], one) == f"{first.sign(one)} {second.sign(one)}"
    assert signature([], one) == ""


def test_a_secret_is_shown_truncated() -> None:
    secret = SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert secret.resource() == {"truncated_secret": "whsec_...LaSw"}
    assert secret.expire_by(3.5).resource() == {
        "truncated_secret": "whsec_...LaSw",
        "expire_time": "1970-01-01T00:00:03.500000000Z",
    }


def test_an_expiry_is_never_put_off() -> None:
    secret = SigningSecret.generate()
    assert secret.is_valid(1e12)
    ending = secret.expire_by(10)
    assert (ending.is_valid(9.9), ending.is_valid(10)) == (True, False)
    assert ending.expire_by(20) == ending
    assert ending.expire_by(5).expires == 5


def test_secrets_are_random_and_long_enough() -> None:
    secrets = {SigningSecret.generate().secret for _ in range(50)}
    assert len(secrets) == 50
    assert {len(secret) for secret in secrets} == {len("whsec_") + 32}
