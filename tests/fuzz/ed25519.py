"""Deliveries with an Ed25519 signature, changed after they were signed."""

import base64

from gemini_operator.receiver.signatures import headers, table
from gemini_operator.receiver.signatures.keys import KeySet
from tests.deliveries import Signer
from tests.fuzz.choices import Choices, edited
from tests.fuzz.deliveries import NOW, SIGNER, Delivery, check, mutated, signed

_ORIGINAL = signed(SIGNER)
_TOKEN = _ORIGINAL.headers[2][1]
_RAW = base64.b64decode(_TOKEN.removeprefix(b"v1a,"))
_ORDER = 2**252 + 27742317777372353535851937790883648493
_KEYS = KeySet(
    ed25519=tuple(
        signer.private.public_key() for signer in (Signer(bytes(32)), SIGNER, Signer(b"\1" * 32))
    )
)


def one_input(data: bytes) -> None:
    choices = Choices(data)
    identifier, timestamp, (name, _) = _ORIGINAL.headers
    original = Delivery([identifier, timestamp, (name, _signature(choices))], _ORIGINAL.body)
    delivery = mutated(original, choices)
    claimed = headers.read(delivery.headers)
    if claimed is None:
        return
    found = table.verify(table.dynamic(None), claimed, delivery.body, _KEYS, NOW)
    check(_ORIGINAL, claimed, delivery.body, found, _TOKEN)


def _signature(choices: Choices) -> bytes:
    """A signature that is near the good one, or is another spelling of it."""
    tokens = [_token(choices) for _ in range(1 + choices.number() % 3)]
    return b" ".join(tokens)


def _token(choices: Choices) -> bytes:
    point, scalar = _RAW[:32], int.from_bytes(_RAW[32:], "little")
    match choices.number() % 5:
        case 0:
            return _TOKEN
        case 1:
            multiple = scalar + _ORDER * (1 + choices.number() % 15)
            raw = point + (multiple % 2**256).to_bytes(32, "little")
        case 2:
            raw = edited(_RAW, choices)
        case 3:
            # The neutral element, and other points of small order.
            raw = choices.pick(
                (b"\1" + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f")
            ) + bytes(32)
        case _:
            return choices.short()
    return b"v1a," + base64.b64encode(raw)
