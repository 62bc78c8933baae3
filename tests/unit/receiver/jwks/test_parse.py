from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gemini_operator.receiver.jwks.parse import MAX_KEYS, parse
from gemini_operator.receiver.jwks.store import JwksError
from tests.deliveries import Signer, TokenSigner, base64url, encoded, jwks

SIGNER = Signer()
PUBLIC = SIGNER.private.public_key()
TOKENS = TokenSigner()
RSA = TOKENS.jwk()


def parsed(*members: Any) -> tuple[Ed25519PublicKey, ...]:
    return parse(encoded({"keys": list(members)})).ed25519


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"kid": "one"},
        {"kid": ""},
        {"use": "sig"},
        {"alg": "EdDSA"},
        {"alg": "Ed25519"},
        {"key_ops": ["verify"]},
        {"unknown": {"deep": []}},
    ],
)
def test_an_ed25519_key_is_read_with_and_without_its_optional_members(
    extra: dict[str, Any],
) -> None:
    assert parsed(SIGNER.jwk(**extra)) == (PUBLIC,)


@pytest.mark.row(57, 128)
@pytest.mark.parametrize(
    "member",
    [
        RSA,
        None,
        "text",
        [],
        {},
        SIGNER.jwk(kty="EC"),
        SIGNER.jwk(crv="X25519"),
        SIGNER.jwk(crv="Ed448"),
        SIGNER.jwk(use="enc"),
        SIGNER.jwk(alg="HS256"),
        SIGNER.jwk(alg=["EdDSA"]),
        SIGNER.jwk(key_ops=["sign"]),
        SIGNER.jwk(key_ops="verify"),
        SIGNER.jwk(x=None),
        SIGNER.jwk(x=7),
        SIGNER.jwk(x=""),
        SIGNER.jwk(x="A" * 42),
        SIGNER.jwk(x="A" * 44),
        SIGNER.jwk(x="!" * 43),
        SIGNER.jwk(x="é" * 43),
    ],
)
def test_a_member_that_is_no_usable_key_is_skipped_beside_a_good_one(member: Any) -> None:
    assert parsed(member) == ()
    assert parsed(member, SIGNER.jwk(), member) == (PUBLIC,)


def test_a_set_of_other_kinds_is_a_set_without_usable_keys() -> None:
    assert parsed(RSA) == ()


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({}, "key-1"),
        ({"kid": ""}, None),
        ({"kid": None}, None),
        ({"kid": 7}, None),
        ({"kid": "k" * 129}, None),
        ({"alg": "RS256", "use": "sig", "key_ops": ["verify"]}, "key-1"),
    ],
)
def test_an_rsa_key_is_read_with_and_without_its_id(
    members: dict[str, Any], named: str | None
) -> None:
    (found,) = parse(encoded({"keys": [SIGNER.jwk(), TOKENS.jwk(**members)]})).rsa
    assert found.id == named
    assert found.public == TOKENS.private.public_key()


@pytest.mark.row(79)
@pytest.mark.parametrize(
    "member",
    [
        TokenSigner(bits=1024).jwk(),
        TOKENS.jwk(alg="RS512"),
        TOKENS.jwk(alg="PS256"),
        TOKENS.jwk(use="enc"),
        TOKENS.jwk(key_ops=["sign"]),
        TOKENS.jwk(kty="oct"),
        TOKENS.jwk(n=None),
        TOKENS.jwk(n=""),
        TOKENS.jwk(n="!" * 400),
        TOKENS.jwk(n=base64url(b"\xff" * 1025)),
        TOKENS.jwk(n=base64url(b"\xff" * 255 + b"\xfe")),
        TOKENS.jwk(e=""),
        TOKENS.jwk(e=base64url(b"\x01")),
        TOKENS.jwk(e=base64url(b"\x02")),
        TOKENS.jwk(e=base64url(b"\x01" * 5)),
        TOKENS.jwk(e=65537),
    ],
)
def test_an_rsa_key_that_is_weak_or_of_another_kind_is_skipped(member: Any) -> None:
    found = parse(encoded({"keys": [member, SIGNER.jwk()]}))
    assert found.rsa == ()
    assert found.ed25519 == (PUBLIC,)


def test_a_key_that_is_listed_twice_is_tried_once() -> None:
    assert parsed(SIGNER.jwk(kid="a"), SIGNER.jwk(kid="b")) == (PUBLIC,)


def test_the_number_of_keys_is_bounded() -> None:
    many = [Signer(bytes([number]) * 32).jwk() for number in range(MAX_KEYS + 5)]
    assert len(parsed(*many)) == MAX_KEYS
    copies = [TOKENS.jwk(kid=str(number)) for number in range(MAX_KEYS + 5)]
    assert len(parse(encoded({"keys": copies})).rsa) == MAX_KEYS


@pytest.mark.row(128)
@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html>503</html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"keys": null}',
        b"[" * 100_000,
        b"1" * 5_000,
        b"\xef\xbb\xbf" + jwks(SIGNER),
    ],
)
def test_what_is_no_key_set_is_an_error_and_not_an_empty_set(document: bytes) -> None:
    with pytest.raises(JwksError) as refused:
        parse(document)
    assert "\n" not in str(refused.value)


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["kty", "crv", "x", "n", "e", "kid", "use", "alg", "key_ops"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(st.lists(json, min_size=1, max_size=4))
def test_no_members_make_it_raise(members: list[Any]) -> None:
    assert parsed(*members, SIGNER.jwk())[-1] == PUBLIC
