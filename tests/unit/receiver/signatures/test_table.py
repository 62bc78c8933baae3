import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.receiver.jwks.parse import parse
from gemini_operator.receiver.signatures import headers, table, verdict
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.rs256 import TokenPolicy
from gemini_operator.receiver.signatures.table import Scheme, Verification
from gemini_operator.receiver.signatures.verdict import Check, SignedContent, Verdict
from tests.deliveries import Signer, encoded, envelope, jwks

SIGNER = Signer()
KEYS = parse(jwks(SIGNER))
NOW = 1_764_000_000
DYNAMIC = table.dynamic(TokenPolicy())
BODY = encoded(envelope())
GOOD = SIGNER.token("msg_1", NOW, BODY)
FORGED = Signer(b"\x07" * 32).token("msg_1", NOW, BODY)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


def verified(signature: str, schemes: tuple[Scheme, ...] = DYNAMIC) -> Verification:
    found = headers.read(
        [
            (b"webhook-id", b"msg_1"),
            (b"webhook-timestamp", str(NOW).encode()),
            (b"webhook-signature", signature.encode()),
        ]
    )
    assert found is not None
    return table.verify(schemes, found, BODY, KEYS, NOW)


def test_one_good_token_among_others_is_enough() -> None:
    assert verified(GOOD) == Verification(Verdict.VALID, "v1a", SignedContent("msg_1", NOW, BODY))
    assert verified(f"v1,AAAA {FORGED} v2,x {GOOD} {FORGED}").verdict is Verdict.VALID
    assert verified(f"  {GOOD}  ").verdict is Verdict.VALID


@pytest.mark.parametrize(
    "signature", ["v1", "v1,", "v2,AAAA", "V1A," + GOOD[4:], "v1," + GOOD[4:], "é", ", ,"]
)
def test_kinds_that_the_route_does_not_accept_prove_nothing(signature: str) -> None:
    assert verified(signature) == Verification(Verdict.UNACCEPTED)


def test_a_route_without_a_policy_for_tokens_accepts_none() -> None:
    assert verified(JWT, table.dynamic(None)) == Verification(Verdict.UNACCEPTED)


def test_several_bad_tokens_stay_bad() -> None:
    assert verified(f"{FORGED} {FORGED} {FORGED}") == Verification(Verdict.MISMATCH, "v1a")


def test_a_mismatch_outweighs_a_malformed_token() -> None:
    """It is the one that newer keys may turn into a good one."""
    assert verified(f"v1a,!! {FORGED}").verdict is Verdict.MISMATCH
    assert verified(f"{FORGED} v1a,!!").verdict is Verdict.MISMATCH


def test_the_shape_of_a_token_chooses_its_scheme() -> None:
    """A further kind of signature is one more row."""
    seen: list[bytes] = []
    proven = SignedContent("x", NOW, b"")

    def verify(
        _headers: WebhookHeaders, _body: bytes, token: bytes, _keys: KeySet, _now: float
    ) -> Check:
        seen.append(token)
        return verdict.valid(proven)

    jwt = Scheme("jwt", re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII), verify)
    assert verified(f"{FORGED} {JWT}", (table.V1A, jwt)) == Verification(
        Verdict.VALID, "jwt", proven
    )
    assert seen == [JWT.encode()]


@given(
    raw=st.lists(
        st.tuples(
            st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature"]),
            st.binary(max_size=120) | st.sampled_from([b"msg_1", b"1764000000", GOOD.encode()]),
        ),
        min_size=3,
        max_size=4,
    ),
    body=st.binary(max_size=100),
    now=st.floats(allow_nan=False, allow_infinity=False, min_value=0, max_value=1e12),
)
def test_nothing_that_can_be_sent_raises_or_passes(
    raw: list[tuple[bytes, bytes]], body: bytes, now: float
) -> None:
    found = headers.read(raw)
    if found is not None:
        found.is_current(now)
        verdict = table.verify(DYNAMIC, found, body, KEYS, now).verdict
        assert verdict is not Verdict.VALID
