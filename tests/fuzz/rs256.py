"""RS256 tokens: the target signs any header and claims, then changes the text."""

import base64
import hashlib
import hmac
import json
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet, RsaKey
from gemini_operator.receiver.signatures.rs256 import LEEWAY, MAX_LIFETIME, TokenPolicy
from gemini_operator.receiver.signatures.verdict import SignedContent, Verdict
from tests.deliveries import EVENT_ID, base64url
from tests.fuzz.choices import Choices, edited
from tests.fuzz.deliveries import BODY, NOW

# A file of the corpus must always make the same tokens, so the keys are always the same: the first
# primes behind numbers that anybody can compute.
_PRIMES = ((b"p", 366), (b"q", 462)), ((b"r", 222), (b"s", 2590))
_EXPONENT = 65537

_HEADER_VALUES: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    (
        "alg",
        (b'"RS256"', b'"none"', b'"HS256"', b'"PS256"', b'"RS512"', b"null", b"[]", b'"rs256"'),
    ),
    ("kid", (b'"key-1"', b'"other"', b'""', b'"../x"', b"null", b"7", b'["key-1"]', b'"key-1\\n"')),
    ("typ", (b'"JWT"', b'"jose"', b"null", b"{}")),
)
_EXTRA = (
    b"",
    b', "crit": ["exp"]',
    b', "b64": false',
    b', "b64": true',
    b', "jwk": {"kty": "RSA"}',
    b', "alg": "none"',
    b', "kid": "key-1"',
)
_TIMES = (
    b"%d" % NOW,
    b"%d" % (NOW + 600),
    b"%d" % (NOW - LEEWAY),
    b"%d" % (NOW + LEEWAY),
    b"%d" % (NOW + LEEWAY + 1),
    b"%d" % (NOW + MAX_LIFETIME),
    b"%d.5" % NOW,
    b'"%d"' % NOW,
    b"0",
    b"-1",
    b"1e300",
    b"1e999",
    b"NaN",
    b"true",
    b"null",
    b"[]",
    b"9" * 5000,
)
_AUDIENCES = (b'"us"', b'["us"]', b'["us", "you"]', b'"you"', b"null", b"7", b"[]", b"[7]")
_ISSUERS = (b'"google"', b'["google"]', b'"other"', b"null", b"{}")
_POLICIES = (
    TokenPolicy(),
    TokenPolicy("google", None),
    TokenPolicy(None, "us"),
    TokenPolicy("google", "us"),
)
_CLAIMED = WebhookHeaders(EVENT_ID, NOW, (), b"%s.%d." % (EVENT_ID.encode(), NOW))


def _private_key(names: tuple[tuple[bytes, int], ...]) -> rsa.RSAPrivateKey:
    p, q = (_prime(name, offset) for name, offset in names)
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    exponents = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *exponents, public).private_key()


def _prime(name: bytes, offset: int) -> int:
    halves = b"".join(hashlib.sha512(name + bytes([half])).digest() for half in range(2))
    return (int.from_bytes(halves, "big") | 3 << 1022 | 1) + offset


_OURS, _FOREIGN = map(_private_key, _PRIMES)
PUBLIC, FOREIGN_PUBLIC = _OURS.public_key(), _FOREIGN.public_key()
_PEM = PUBLIC.public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
_KEY_SETS = (
    KeySet(rsa=(RsaKey("key-1", PUBLIC),)),
    KeySet(rsa=(RsaKey(None, PUBLIC),)),
    KeySet(rsa=(RsaKey("key-1", FOREIGN_PUBLIC), RsaKey("key-1", PUBLIC))),
    KeySet(rsa=(RsaKey("key-1", FOREIGN_PUBLIC), RsaKey("other", PUBLIC))),
    KeySet(),
)


def one_input(data: bytes) -> None:
    choices = Choices(data)
    policy = choices.pick(_POLICIES)
    keys = choices.pick(_KEY_SETS)
    content = b"%b.%b" % (_encoded(_header(choices)), _encoded(_claims(choices)))
    signature, signer = _signature(content, choices)
    token = edited(b"%b.%b" % (content, _encoded(signature)), choices)
    found = policy.verify(_CLAIMED, BODY, token, keys, NOW)
    assert (found.verdict is Verdict.VALID) == (found.content is not None)
    if found.content is None:
        return
    assert signer is not None
    # Only its signature has more than one spelling.
    assert token.rpartition(b".")[0] == content
    named = _check(content, found.content, policy)
    assert any(key.public is signer and key.id in (None, named) for key in keys.rsa)


def token(header: bytes, claims: bytes) -> bytes:
    """Return the token of the trusted key for this header and these claims."""
    content = b"%b.%b" % (_encoded(header), _encoded(claims))
    return b"%b.%b" % (content, _encoded(_signed(content)))


def _header(choices: Choices) -> bytes:
    members = b", ".join(
        b'"%b": %b' % (name.encode(), choices.pick(values)) for name, values in _HEADER_VALUES
    )
    return edited(b"{%b%b}" % (members, choices.pick(_EXTRA)), choices)


def _claims(choices: Choices) -> bytes:
    members = [b'"iat": ' + choices.pick(_TIMES), b'"exp": ' + choices.pick((_TIMES[1], *_TIMES))]
    for name, values in ((b"nbf", _TIMES), (b"aud", _AUDIENCES), (b"iss", _ISSUERS)):
        chosen = choices.number()
        if chosen:
            members.append(b'"%b": %b' % (name, values[(chosen - 1) % len(values)]))
    return edited(b"{%b}" % b", ".join(members), choices)


def _signature(content: bytes, choices: Choices) -> tuple[bytes, RSAPublicKey | None]:
    """A signature, and the key that it is good for."""
    match choices.number() % 7:
        case 0:
            return _signed(content), PUBLIC
        case 1:
            changed = edited(_signed(content), choices)
            return changed, PUBLIC if changed == _signed(content) else None
        case 2:
            return _FOREIGN.sign(content, padding.PKCS1v15(), hashes.SHA256()), FOREIGN_PUBLIC
        case 3:
            # The public key as the secret of an HMAC, a known attack on libraries.
            return hmac.digest(_PEM, content, "sha256"), None
        case 4:
            return _OURS.sign(content, padding.PKCS1v15(), hashes.SHA512()), None
        case 5:
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return _OURS.sign(content, salted, hashes.SHA256()), None
        case _:
            return choices.short(), None


@lru_cache(maxsize=4096)
def _signed(content: bytes) -> bytes:
    return _OURS.sign(content, padding.PKCS1v15(), hashes.SHA256())


def _encoded(value: bytes) -> bytes:
    return base64url(value).encode()


def _check(content: bytes, found: SignedContent, policy: TokenPolicy) -> str:
    """Assert that a believed token had the right form, and that nothing but its claims was.

    Return the id of the key that it names.
    """
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + b"==")) for part in content.split(b".")
    )
    assert header["alg"] == "RS256"
    assert "crit" not in header
    assert claims["iat"] - LEEWAY <= NOW < claims["exp"] + LEEWAY
    assert claims["exp"] - claims["iat"] <= MAX_LIFETIME
    assert claims.get("nbf", 0) <= NOW + LEEWAY
    assert policy.issuer is None or claims["iss"] == policy.issuer
    assert policy.audience is None or claims["aud"] == policy.audience
    digest = hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).hexdigest()
    assert found == SignedContent(f"jwt_{digest[:32]}", int(claims["iat"]), b"")
    named: str = header["kid"]
    return named
