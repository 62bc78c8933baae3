"""The three headers of Standard Webhooks, from any list of raw headers."""

import string

from gemini_operator.receiver.signatures import headers
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from tests.fuzz.choices import Choices, edited
from tests.fuzz.deliveries import NAMES, NOW, SIGNER, RawHeaders, signed

_ORIGINAL = signed(SIGNER).headers
_ID_CHARACTERS = frozenset((string.ascii_letters + string.digits + "_-").encode())
_OTHER_NAMES = (b"host", b"webhook-id ", b"Webhook_Id", b"svix-id", b"")


def one_input(data: bytes) -> None:
    choices = Choices(data)
    raw = _raw_headers(choices)
    found = headers.read(raw)
    if found is not None:
        _check(raw, found)
        found.is_current(NOW)


def _raw_headers(choices: Choices) -> RawHeaders:
    """The headers of a good delivery, changed, with others behind them."""
    raw = [(_name(choices, name), edited(value, choices)) for name, value in _ORIGINAL]
    while not choices.ended:
        raw.append((_name(choices, choices.pick((*NAMES, *_OTHER_NAMES))), choices.short()))
    return raw


def _name(choices: Choices, name: bytes) -> bytes:
    return choices.pick((name, name.upper(), name.title(), name[:-1]))


def _check(raw: RawHeaders, found: WebhookHeaders) -> None:
    """Assert that each header occurs once, and was read in the only way that it can be."""
    values = {name: [value for given, value in raw if given.lower() == name] for name in NAMES}
    assert all(len(found) == 1 for found in values.values())
    ((identifier,), (timestamp,), (signature,)) = values.values()
    assert 1 <= len(identifier) <= 128
    assert _ID_CHARACTERS.issuperset(identifier)
    assert found.id.encode() == identifier
    assert str(found.timestamp).encode() == timestamp
    assert 0 < found.timestamp < 10**12
    assert found.signed_prefix == identifier + b"." + timestamp + b"."
    assert b" ".join(found.tokens) == signature
    assert len(found.tokens) <= headers.MAX_TOKENS
    assert all(token.count(b",") <= 1 for token in found.tokens)
