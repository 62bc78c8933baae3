"""RS256 tokens: JSON Web Tokens, as ai.google.dev/gemini-api/docs/webhooks documents them.

Their signature covers their claims but not the body, and no claim is documented that binds the two.
So a valid token tells that there was an event, and nothing in the body may be believed (S15).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gemini_operator.receiver.signatures import verdict
from gemini_operator.receiver.signatures.headers import WebhookHeaders
from gemini_operator.receiver.signatures.keys import KeySet
from gemini_operator.receiver.signatures.verdict import Check, SignedContent

# One `=` too many is no other token (GHSA-5jhw-7jv7-qcqq), as nothing is told apart by its text.
SHAPE = re.compile(rb"(?P<token>[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)={0,2}")

# Seconds.
MAX_LIFETIME = 3600
LEEWAY = 60

# A `kid` is only compared with published ids.
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """What a token must fulfil: the issuer and the audience that it must name, None for any.

    Google documents neither: no field of its API sets the audience.
    """

    issuer: str | None = None
    audience: str | None = None

    def verify(
        self, headers: WebhookHeaders, body: bytes, token: bytes, keys: KeySet, now: float
    ) -> Check:
        """Check one token with the RSA keys that its `kid` names. No input makes it raise."""
        del headers, body  # the signature covers neither
        match = SHAPE.fullmatch(token)
        if match is None:
            return verdict.UNACCEPTED
        try:
            return self._check(match["token"].decode("ascii"), keys, now)
        # PyJWT lets errors of its JSON and base64 decoders out, and names no complete list.
        except Exception:  # noqa: BLE001
            return verdict.UNACCEPTED

    def _check(self, token: str, keys: KeySet, now: float) -> Check:
        for key in keys.rsa_named(_key_id(token)):
            try:
                claims = self._claims(token, key.public)
            except jwt.InvalidSignatureError:
                continue
            return _valid(claims) if _is_current(claims, now) else verdict.UNACCEPTED
        return verdict.MISMATCH

    def _claims(self, token: str, key: RSAPublicKey) -> Mapping[str, Any]:
        """Return the claims of a token that this key signed.

        Raises:
            jwt.InvalidSignatureError: another key signed it.
            jwt.PyJWTError: a claim is missing, or the issuer or the audience is another one.
        """
        found: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=self.audience,
            issuer=self.issuer,
            options={
                "require": ["exp", "iat"],
                "strict_aud": self.audience is not None,
                "verify_aud": self.audience is not None,
                "verify_iss": self.issuer is not None,
                "enforce_minimum_key_length": True,
                # PyJWT asks the system for the time; `_is_current` is told it.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        return found


def _key_id(token: str) -> str:
    """Return the id of the key that the token names.

    Raises:
        ValueError: the header is none of a token that can be valid.
    """
    header = jwt.get_unverified_header(token)
    key_id = header.get("kid")
    if header.get("alg") != _ALGORITHM or "crit" in header or header.get("b64", True) is not True:
        raise ValueError("the token is of another kind")
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
        raise ValueError("the token names no key")
    return key_id


def _valid(claims: Mapping[str, Any]) -> Check:
    # Of the claims, not of the token, which may have a second spelling.
    digest = hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).hexdigest()
    return verdict.valid(SignedContent(f"jwt_{digest[:32]}", int(claims["iat"]), b""))


def _is_current(claims: Mapping[str, Any], now: float) -> bool:
    """Whether the token is valid now, within the leeway, and was never valid for too long.

    Raises:
        ValueError: a claim is no time.
    """
    issued, expires, begins = (_time(claims.get(name, 0)) for name in ("iat", "exp", "nbf"))
    lives = now - LEEWAY < expires <= issued + MAX_LIFETIME
    return lives and max(issued, begins) <= now + LEEWAY


def _time(value: Any) -> float:
    """Return a number of seconds since 1970 (RFC 7519, section 2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise ValueError("a time is a number of seconds")
    return value
