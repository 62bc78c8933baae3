"""Google's key set, as a broken or hostile publisher might send it."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gemini_operator.receiver.jwks.parse import MAX_KEYS, parse
from gemini_operator.receiver.jwks.store import JwksError
from gemini_operator.receiver.signatures.keys import KeySet
from tests.deliveries import Signer, base64url, encoded
from tests.fuzz.choices import Choices, edited

_POINT = Signer().jwk()["x"].encode()
_MODULUS = base64url(b"\xc5" * 255 + b"\x01").encode()
_MEMBERS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("kty", (b"OKP", b"RSA", b"EC", b"oct", b"okp")),
    ("crv", (b"Ed25519", b"Ed448", b"X25519")),
    ("x", (_POINT, base64url(b"\xff" * 32).encode(), base64url(bytes(32)).encode(), b"")),
    ("n", (_MODULUS, _MODULUS[:-8], b"A" * 8 + _MODULUS, base64url(b"\xff" * 2048).encode())),
    ("e", (b"AQAB", b"AQ", b"Ag", b"", b"AAAA", b"_" * 600)),
    ("kid", (b"key-1", b"", b"k" * 129)),
    ("use", (b"sig", b"enc")),
    ("alg", (b"EdDSA", b"RS256", b"Ed25519", b"RS512")),
)
# Instead of a text.
_OTHERS: tuple[Any, ...] = (None, 7, True, 1e300, [], {}, ["verify"], "\ud800", "\u00e9")
_OPERATIONS: tuple[Any, ...] = (["verify"], ["sign"], [], "verify", [["verify"]], None)
_WRAPPERS = (b'{"keys": [%b]}', b"[%b]", b'{"keys": %b}', b'{"keys": [[%b]]}', b"\xef\xbb\xbf%b")


def one_input(data: bytes) -> None:
    choices = Choices(data)
    document = choices.rest() if choices.number() == 1 else _document(choices)
    try:
        found = parse(document)
    except JwksError:
        return
    _check(found)


def _document(choices: Choices) -> bytes:
    wrapper = choices.pick(_WRAPPERS)
    members = [encoded(_member(choices)) for _ in range(choices.number() % 24)]
    return edited(wrapper % b", ".join(members), choices)


def _member(choices: Choices) -> Any:
    member: dict[str, Any] = {}
    kind = choices.pick((b"OKP", b"RSA", b""))
    if kind:
        member["kty"] = kind.decode()
    for name, values in _MEMBERS:
        chosen = choices.number()
        if chosen < 192:
            _set(member, name, values, chosen, choices)
    if choices.number() % 4 == 1:
        member["key_ops"] = choices.pick(_OPERATIONS)
    return member


def _set(
    member: dict[str, Any], name: str, values: tuple[bytes, ...], chosen: int, choices: Choices
) -> None:
    if name == "kty" and "kty" in member:
        return
    if chosen < 96:
        member[name] = values[chosen % len(values)].decode()
    elif chosen < 160:
        member[name] = edited(values[chosen % len(values)], choices).decode("latin-1")
    else:
        member[name] = _OTHERS[chosen % len(_OTHERS)]


def _check(found: KeySet) -> None:
    """Assert that the keys are few, safe, and not too large to be checked for everybody."""
    assert len(found.ed25519) <= MAX_KEYS
    assert len(found.rsa) <= MAX_KEYS
    assert not found.hmac
    points = [key.public_bytes_raw() for key in found.ed25519]
    assert len(set(points)) == len(points)
    for key in found.rsa:
        assert key.id is None or 0 < len(key.id) <= 128
        _check_rsa(key.public)


def _check_rsa(key: RSAPublicKey) -> None:
    numbers = key.public_numbers()
    assert 2048 <= key.key_size <= 8192
    assert numbers.n % 2 == 1
    assert 3 <= numbers.e <= 2**32
    assert numbers.e % 2 == 1
