"""Deliveries with an HMAC of a static webhook's secret, changed after they were signed."""

import base64

from pydantic import SecretBytes

from gemini_operator.receiver.signatures import headers, table
from gemini_operator.receiver.signatures.keys import KeySet
from tests.fuzz.choices import Choices, edited
from tests.fuzz.deliveries import NOW, SECRET, Delivery, check, mutated, signed

_ORIGINAL = signed(SECRET)
_TOKEN = _ORIGINAL.headers[2][1]
_RAW = base64.b64decode(_TOKEN.removeprefix(b"v1,"))
_KEYS = KeySet(hmac=(SecretBytes(bytes(32)), SecretBytes(SECRET.secret)))


def one_input(data: bytes) -> None:
    choices = Choices(data)
    identifier, timestamp, (name, _) = _ORIGINAL.headers
    tokens = b" ".join(_token(choices) for _ in range(1 + choices.number() % 3))
    original = Delivery([identifier, timestamp, (name, tokens)], _ORIGINAL.body)
    delivery = mutated(original, choices)
    claimed = headers.read(delivery.headers)
    if claimed is None:
        return
    found = table.verify(table.STATIC, claimed, delivery.body, _KEYS, NOW)
    check(_ORIGINAL, claimed, delivery.body, found, _TOKEN)


def _token(choices: Choices) -> bytes:
    match choices.number() % 3:
        case 0:
            return _TOKEN
        case 1:
            return b"v1," + base64.b64encode(edited(_RAW, choices))
        case _:
            return choices.short()
