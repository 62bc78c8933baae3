"""What the targets sign, and the one delivery of each kind that may be believed."""

from dataclasses import dataclass

from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.table import Verification
from gemini_operator.receiver.signatures.verdict import Verdict
from tests.deliveries import EVENT_ID, SecretSigner, Signer, encoded, envelope
from tests.fuzz.choices import Choices, edited

NOW = 1_764_000_000
BODY = encoded(envelope())
SIGNER = Signer()
SECRET = SecretSigner()
NAMES = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Delivery:
    """The parts of a delivery that a verifier sees."""

    headers: RawHeaders
    body: bytes


def signed(signer: Signer | SecretSigner) -> Delivery:
    found = signer.headers(BODY, event_id=EVENT_ID, timestamp=NOW)
    return Delivery([(name, found[name.decode()].encode()) for name in NAMES], BODY)


def mutated(original: Delivery, choices: Choices) -> Delivery:
    headers = [(name, edited(value, choices)) for name, value in original.headers]
    return Delivery(headers, edited(original.body, choices))


def check(
    original: Delivery, claimed: WebhookHeaders, body: bytes, found: Verification, token: bytes
) -> None:
    """Assert that a delivery was believed if, and only if, it has a token of the original.

    Args:
        original: the only delivery that was signed.
        claimed: the headers that were verified.
        body: the body that was verified.
        found: what the verifier said.
        token: the only signature that was made.
    """
    message = original.headers[0][1] + b"." + original.headers[1][1] + b"." + original.body
    genuine = claimed.signed_prefix + body == message and token in claimed.tokens
    assert (found.verdict is Verdict.VALID) == genuine
    assert (found.content is not None) == genuine
    if found.content is not None:
        assert found.content.id == EVENT_ID
        assert found.content.timestamp == NOW
        assert found.content.body == original.body
