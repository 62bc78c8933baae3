import base64
import hashlib
from random import Random

import pytest

from gemini_operator.callbacks.randomness import looks_random


@pytest.mark.parametrize(
    "key",
    [
        "0" * 64,
        "f" * 64,
        "5a" * 32,
        "0" * 63 + "1",
        "deadbeef" + "0" * 56,
        "0123456789abcdef" * 4,
        "0123456789abcdef" * 3 + "0123456789abcde0",
        "fedcba9876543210" * 4,
        "00112233445566778899aabbccddeeff" * 2,
        ("0123456789" * 7)[:64],
        ("12345678901" * 6)[:64],
        hashlib.sha256(b"half").hexdigest()[:32] * 2,
        hashlib.sha256(b"a third").hexdigest()[:44] + hashlib.sha256(b"a third").hexdigest()[:20],
        hashlib.sha256(b"padded").hexdigest()[:38] + "0" * 26,
        "0123456789abcdeffedcba9876543210" * 2,
        "01101001" * 4 + "10010110" * 4,
        bytes(range(32)).hex(),
        bytes(range(1, 33)).hex(),
        bytes(range(255, 223, -1)).hex(),
        bytes(range(0, 256, 8)).hex(),
        bytes(7 * number % 256 for number in range(32)).hex(),
        bytes(number // 2 for number in range(32)).hex(),
        b"change-me-change-me-change-me-00".hex(),
        b"passwordpasswordpasswordpassword".hex(),
        b"abcdefghijklmnopqrstuvwxyz012345".hex(),
    ],
)
def test_a_pattern_is_no_random_key(key: str) -> None:
    assert len(key) == 64
    assert not looks_random(bytes.fromhex(key))


def test_random_keys_look_random() -> None:
    random = Random(20261125)
    assert all(looks_random(random.randbytes(32)) for _ in range(20_000))


@pytest.mark.parametrize("text", [b"", b"key", b"gemini"])
def test_the_digest_of_a_text_and_random_letters_cannot_be_told_from_random(text: bytes) -> None:
    digest = hashlib.sha256(text).digest()
    assert looks_random(digest)
    assert looks_random(base64.b64encode(digest)[:32])
