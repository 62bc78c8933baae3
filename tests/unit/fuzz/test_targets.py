"""Each target notices a planted defect: one that cannot fail would prove nothing."""

import importlib
import re
from dataclasses import dataclass
from types import ModuleType

import pytest

from gemini_operator.callbacks import address
from gemini_operator.receiver import event
from gemini_operator.receiver.jwks import parse
from gemini_operator.receiver.signatures import headers, rs256, table
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.table import Verification
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from tests.deliveries import base64url

CHANGED_BODY = bytes(5) + b"\1\0\0\0x"
FOLDED = bytes(5) + b"\1\0\0\5\3a,,"
ISSUED_IN_1970 = bytes(7) + b"\x08"
GUESSED = b"\0\1\0\x8c\0" + b"0"
SHORT = base64url(b"\xc5" * 127 + b"\1").encode()
SHORT_KEY = b'\1{"keys": [{"kty": "RSA", "e": "AQAB", "n": "%b"}]}' % SHORT
MARKUP = b'\0\0{"type": "<b>"}'
UNSIGNED = b"\0\1\0POST $D HTTP/1.1\r\nHost: x\r\n$E\r\nContent-Length: 2\r\n\r\n{}"
SIGNED = b"\0\1\0POST $D HTTP/1.1\r\nHost: x\r\n$E\r\nContent-Length: $L\r\n\r\n$B"


def believe(_schemes: object, claimed: WebhookHeaders, body: bytes, *_: object) -> Verification:
    content = SignedContent(claimed.id, claimed.timestamp, body)
    return Verification(Verdict.VALID, "v1a", content)


def fail(*_: object) -> None:
    raise ValueError("planted")


def accept(*_: object) -> bool:
    return True


def see_no_fold(_token: bytes) -> bool:
    return False


@dataclass(frozen=True)
class Planted:
    """A defect, and the input that shows it."""

    target: str
    module: ModuleType
    name: str
    defect: object
    data: bytes


DEFECTS = {
    "ed25519 believes a changed body": Planted("ed25519", table, "verify", believe, CHANGED_BODY),
    "hmac believes a changed body": Planted("hmac_sha256", table, "verify", believe, CHANGED_BODY),
    "rs256 believes an old token": Planted("rs256", rs256, "_is_current", accept, ISSUED_IN_1970),
    "headers that a proxy joined are read": Planted(
        "headers", headers, "_is_folded", see_no_fold, FOLDED
    ),
    "jwks accepts a short key": Planted("jwks", parse, "_MIN_RSA", 1, SHORT_KEY),
    "address accepts a guess": Planted("address", address, "verify", accept, GUESSED),
    "event accepts any type": Planted("event", event, "_TYPE", re.compile(".*"), MARKUP),
    "handler writes what is unsigned": Planted("handler", table, "verify", believe, UNSIGNED),
    "handler fails": Planted("handler", event, "derive", fail, SIGNED),
}


@pytest.mark.parametrize("planted", DEFECTS.values(), ids=DEFECTS)
def test_a_planted_defect_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    target = importlib.import_module(f"tests.fuzz.{planted.target}")
    target.one_input(planted.data)

    monkeypatch.setattr(planted.module, planted.name, planted.defect)

    with pytest.raises((AssertionError, ValueError)):
        target.one_input(planted.data)
