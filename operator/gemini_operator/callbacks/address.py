"""Callback addresses: the job that a delivery is for, and a token that only the operator can make.

The address tells which job is meant. The signature of the delivery tells that Google sent it.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gemini_operator.callbacks.keys import CallbackKey, KeyDirectory

PREFIX = "/v1/callbacks/"
CONTEXT = "gemini-operator/callback/v1"
TOKEN_LENGTH = 32
MAX_PATH_LENGTH = 2048

_LABEL = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
# Matched before anything is decoded, so that two spellings of a path are never the same address.
_PATH = re.compile(
    rf"{PREFIX}"
    rf"(?P<plural>[a-z]{{1,63}})/"
    rf"(?P<namespace>(?=[^/]{{1,63}}/){_LABEL})/"
    rf"(?P<name>(?=[^/]{{1,253}}/){_LABEL}(?:\.{_LABEL})*)/"
    rf"(?P<uid>[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}})/"
    rf"(?P<attempt>[0-9a-f]{{16}})/"
    rf"(?P<token>[0-9a-f]{{{TOKEN_LENGTH}}})"
    r"(?:\?[\x21-\x7e]*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Target:
    """The job that an address is for: one object, and one attempt of it."""

    plural: str
    namespace: str
    name: str
    uid: str
    attempt: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the address, in their order."""
        return self.plural, self.namespace, self.name, self.uid, self.attempt


class CallbackAddresses:
    """Makes callback addresses; without URL and keys there are none, and the sweep finds the ends.

    Args:
        public_url: the receiver's URL as Google sees it.
        keys: the directory whose signing key signs the addresses.
    """

    def __init__(self, public_url: str | None, keys: KeyDirectory | None) -> None:
        self._public_url = public_url
        self._keys = keys

    def of(self, target: Target) -> str | None:
        """Return the address for `target`, which is a secret; `None` if there are no addresses."""
        if self._public_url is None or self._keys is None:
            return None
        return url(self._public_url, self._keys.signing(), target)


def token(key: CallbackKey, target: Target) -> str:
    """Return the 32 hexadecimal digits that prove that an address was made with this key.

    They are half of an HMAC-SHA256 over six parts.
    """
    # Each part follows its length, so that no two targets have the same message.
    parts = [part.encode() for part in (CONTEXT, *target.parts)]
    message = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    return hmac.digest(key.secret.get_secret_value(), message, "sha256").hex()[:TOKEN_LENGTH]


def url(public_url: str, key: CallbackKey, target: Target) -> str:
    """Return the address to give to Google, below the receiver's public URL.

    Raises:
        ValueError: the receiver would not parse the address as this target.
    """
    path = f"{PREFIX}{'/'.join(target.parts)}/{token(key, target)}"
    if parse(path) is None:
        raise ValueError("a callback address needs a Kubernetes object and an attempt id")
    return public_url.rstrip("/") + path


def parse(raw_path: str) -> tuple[Target, str] | None:
    """Return the target and the token in a request's path; `None` for any other path.

    Args:
        raw_path: the request target as received, not decoded; a query is ignored (S17).
    """
    if len(raw_path) > MAX_PATH_LENGTH:
        return None
    match = _PATH.fullmatch(raw_path)
    if match is None:
        return None
    *target, received = match.groups()
    return Target(*target), received


def verify(keys: Iterable[CallbackKey], target: Target, received: str) -> bool:
    """Return whether one of the keys made this token, in constant time."""
    # All keys are compared, even after a match, so that the time does not tell which one it was.
    given = received.encode("ascii", "replace")
    matches = [hmac.compare_digest(token(key, target).encode(), given) for key in keys]
    return any(matches)
